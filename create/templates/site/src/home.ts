import {Child, Get, Resource, html} from 'espalier';
import {files} from 'espalier/builtin';
import {Guestbook} from './guestbook.ts';
import {layout} from './layout.ts';

@Resource()
@Child('assets', files('public', {maxAge: '1h'}))
@Child('guestbook', Guestbook)
export class Home {
  @Get()
  show() {
    return layout('Welcome', html`<p>Write something into the <a href="/guestbook">guestbook</a>.</p>`);
  }
}
