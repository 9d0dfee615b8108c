import {
  Get,
  Post,
  Resource,
  SessionService,
  Use,
  createError,
  html,
  inject,
  type InputOf,
  type Request,
  type Response,
} from 'espalier';
import {returnPath} from 'espalier/builtin';
import {addressKey, rateLimit} from 'espalier/builtin/rate-limit';
import {z} from 'zod';
import {Accounts} from './accounts.ts';
import {layout} from './layout.ts';
import {hashPassword, isOutdated, isPassword} from './passwords.ts';

/** How long a session is remembered where its visitor wants that, in milliseconds. */
export const remembered = 30 * 24 * 3_600_000;

const signingIn = {
  body: z.object({
    email: z.string().max(254),
    password: z.string().max(1000),
    remember: z.literal('yes').optional(),
  }),
};

const accountIn = async (request: Request) => String((await request.form()).get('email')).toLowerCase();

@Resource()
export class SignIn {
  constructor(
    @inject(SessionService) private readonly sessions: SessionService,
    @inject(Accounts) private readonly accounts: Accounts,
  ) {}

  @Get()
  show() {
    return layout(
      'Sign in',
      html`<form method="post">
  <p><label>E-mail <input name="email" type="email" autocomplete="username webauthn" required></label></p>
  <p><label>Password <input name="password" type="password" autocomplete="current-password" required></label></p>
  <p><label><input name="remember" type="checkbox" value="yes"> Remember me on this device</label></p>
  <button>Sign in</button> <button type="button" data-passkey="sign-in" hidden>Use a passkey</button>
  <p role="alert" data-passkey-error hidden></p>
</form>
<p><a href="/sign-up">Sign up, or get a new password</a></p>`,
    );
  }

  @Post(signingIn)
  @Use(
    rateLimit({name: 'address', limit: 50, per: 600_000}),
    rateLimit({name: 'attempts', limit: 5, per: 900_000, by: async r => `${addressKey(r)} ${await accountIn(r)}`}),
    rateLimit({name: 'account', limit: 100, per: 3_600_000, by: accountIn}),
  )
  async signIn({body}: InputOf<typeof signingIn>, request: Request, response: Response) {
    const account = this.accounts.byEmail(body.email);
    if (!(await isPassword(body.password, account?.password))) {
      throw createError(403, 'The address or the password is wrong.');
    }
    if (isOutdated(account!.password!)) this.accounts.setPassword(account!.email, await hashPassword(body.password));
    const remember = body.remember && remembered;
    await this.sessions.signIn(account!.id, {remember}, request);
    response.redirect(returnPath(request, '/account'));
  }
}

@Resource()
export class SignOut {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Post()
  async signOut(_request: Request, response: Response) {
    await this.sessions.expire();
    response.redirect('/');
  }
}
