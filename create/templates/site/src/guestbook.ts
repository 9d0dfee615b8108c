import {
  Get,
  Post,
  Resource,
  SessionComponent,
  SessionService,
  Use,
  html,
  inject,
  type InputOf,
  type Middleware,
  type Misfit,
  type Next,
  type Request,
  type Response,
} from 'espalier';
import {z} from 'zod';
import {layout} from './layout.ts';

const Entry = z.object({
  name: z.string().trim().min(1, 'Who are you?').max(80, 'That is too long.'),
  text: z.string().trim().min(1, 'Say something.').max(2000, 'That is too long.'),
});

/** What is said once, on the next page. */
@SessionComponent('notice')
class Notice {
  text = '';
}

const entries: z.infer<typeof Entry>[] = [];

function field(name: string, label: string, typed: FormData | undefined, misfits: readonly Misfit[]) {
  const wrong = misfits.find(({pointer}) => pointer === `/${name}`);
  const value = String(typed?.get(name) ?? '');
  return html`<p>
        <label>${label} <input name="${name}" value="${value}"></label>
        ${wrong && html`<strong role="alert">${wrong.detail}</strong>`}
      </p>`;
}

function page(notice: string, typed?: FormData, misfits: readonly Misfit[] = []) {
  return layout(
    'Guestbook',
    html`
    ${notice && html`<p role="status">${notice}</p>`}
    <form method="post">
      ${field('name', 'Name', typed, misfits)}
      ${field('text', 'Text', typed, misfits)}
      <button>Write</button>
    </form>
    <ul>${entries.map(({name, text}) => html`<li><b>${name}</b>: ${text}</li>`)}</ul>`,
  );
}

/** Shows the form again, with what was typed and what is wrong with it. */
class FormAgain implements Middleware {
  async handle(request: Request, _response: Response, next: Next) {
    try {
      return await next();
    } catch (error) {
      const {errors} = error as {errors?: readonly Misfit[]};
      if (!errors) throw error;
      return page('', await request.form(), errors);
    }
  }
}

const writing = {body: Entry};

@Resource()
export class Guestbook {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Get()
  async show() {
    const session = await this.sessions.findSession();
    const notice = await session?.take(Notice);
    return page(notice?.text ?? '');
  }

  @Post(writing)
  @Use(FormAgain)
  async write({body}: InputOf<typeof writing>, request: Request, response: Response) {
    entries.push(body);
    const session = await this.sessions.getSession();
    await session.update(Notice, notice => {
      notice.text = `Thank you, ${body.name}.`;
    });
    // So that reloading the page does not send the form again.
    response.redirect(request.path);
  }
}
