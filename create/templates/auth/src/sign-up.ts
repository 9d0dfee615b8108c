import {Get, Post, Resource, Use, html, inject, type InputOf} from 'espalier';
import {rateLimit} from 'espalier/builtin/rate-limit';
import {z} from 'zod';
import {Accounts} from './accounts.ts';
import {layout} from './layout.ts';
import {Mailer} from './mail.ts';
import {settings} from './settings.ts';

const asking = {body: z.object({email: z.email('This is no address.').max(254)})};

/** Sends a link by which somebody sets the password: the first one, or a new one. Nobody learns here who has an account. */
@Resource()
export class SignUp {
  constructor(
    @inject(Accounts) private readonly accounts: Accounts,
    @inject(Mailer) private readonly mailer: Mailer,
  ) {}

  @Get()
  show() {
    return layout(
      'Sign up, or a new password',
      html`<form method="post">
  <p><label>E-mail <input name="email" type="email" autocomplete="email" required></label></p>
  <button>Send me a link</button>
</form>`,
    );
  }

  @Post(asking)
  @Use(rateLimit({name: 'mails', limit: 10, per: 3_600_000}))
  async send({body: {email}}: InputOf<typeof asking>) {
    const isKnown = this.accounts.byEmail(email) !== undefined;
    const link = `${settings.origin}/link/${this.accounts.newLink(email)}`;
    await this.mailer.send({
      to: email,
      subject: isKnown ? 'A new password' : 'Welcome',
      text: `Open this within half an hour to choose your password:\n${link}\n\nIf you have not asked for it, do nothing.`,
    });
    return layout('Look into your mail', html`<p>A link is on its way. It works once, for half an hour.</p>`);
  }
}
