import {Child, Get, Resource, SessionService, html, inject} from 'espalier';
import {files} from 'espalier/builtin';
import {AccountPage} from './account.ts';
import {layout} from './layout.ts';
import {Links} from './links.ts';
import {Passkeys} from './passkeys.ts';
import {SignIn, SignOut} from './sign-in.ts';
import {SignUp} from './sign-up.ts';

@Resource()
@Child('account', AccountPage)
@Child('assets', files('public', {maxAge: '1h'}))
@Child('link', Links)
@Child('passkeys', Passkeys)
@Child('sign-in', SignIn)
@Child('sign-out', SignOut)
@Child('sign-up', SignUp)
export class Home {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Get()
  async show() {
    const session = await this.sessions.findSession();
    return session?.user === undefined
      ? layout('Welcome', html`<p><a href="/sign-in">Sign in</a> or <a href="/sign-up">sign up</a>.</p>`)
      : layout('Welcome back', html`<p>You are signed in. See your <a href="/account">account</a>.</p>`);
  }
}
