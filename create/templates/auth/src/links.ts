import {
  Child,
  Get,
  Post,
  Resource,
  SessionService,
  createError,
  html,
  inject,
  type InputOf,
  type Request,
  type Response,
} from 'espalier';
import {z} from 'zod';
import {Accounts} from './accounts.ts';
import {layout} from './layout.ts';
import {hashPassword, passwordLength} from './passwords.ts';

const choosing = {
  body: z.object({
    password: z
      .string()
      .min(passwordLength.min, `At least ${passwordLength.min} characters.`)
      .max(passwordLength.max, `At most ${passwordLength.max} characters.`),
  }),
};

/** What a link in a mail leads to. Opening it changes nothing: programs that look at mails open links too. */
@Resource()
export class Link {
  constructor(
    private readonly accounts: Accounts,
    private readonly sessions: SessionService,
    private readonly secret: string,
    private readonly email: string,
  ) {}

  @Get()
  show(_request: Request, response: Response) {
    // The address of this page is a secret.
    response.setHeader('Referrer-Policy', 'no-referrer');
    response.setHeader('Cache-Control', 'no-store');
    return layout(
      'Choose your password',
      html`<form method="post">
  <input type="hidden" name="username" autocomplete="username" value="${this.email}">
  <p><label>Password of ${this.email} <input name="password" type="password" autocomplete="new-password"
    minlength="${passwordLength.min}" required></label></p>
  <button>Set it</button>
</form>`,
    );
  }

  @Post(choosing)
  async set({body: {password}}: InputOf<typeof choosing>, request: Request, response: Response) {
    const hash = await hashPassword(password);
    const email = this.accounts.useLink(this.secret);
    if (email === undefined) throw createError(410, 'This link has been used.');
    const account = this.accounts.setPassword(email, hash);
    // Whoever knew the old password is signed out everywhere.
    await this.sessions.of(account.id).expireAll();
    await this.sessions.signIn(account.id, request);
    response.redirect('/account');
  }
}

@Resource()
export class Links {
  constructor(
    @inject(Accounts) private readonly accounts: Accounts,
    @inject(SessionService) private readonly sessions: SessionService,
  ) {}

  @Child(':token', Link)
  open(token: string) {
    const email = this.accounts.findLink(token);
    return email === undefined ? undefined : new Link(this.accounts, this.sessions, token, email);
  }
}
