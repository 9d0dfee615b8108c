// Run it with `npm run example protecting-a-site`; ada's password is "lovelace".
import {
  Child,
  Get,
  Post,
  Resource,
  SessionService,
  Use,
  createError,
  html,
  inject,
  serve,
  type Request,
} from 'espalier';
import {sameSecret} from 'espalier/builtin';
import {addressKey, rateLimit} from 'espalier/builtin/rate-limit';
import {cspNonce, securityHeaders} from 'espalier/builtin/security-headers';

/** Who may sign in; an application has the hashes of passwords in its database. */
const passwords = new Map([['ada', 'lovelace']]);

async function userIn(request: Request): Promise<string> {
  return String((await request.form()).get('user'));
}

@Resource()
class SignIn {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Post()
  @Use(
    // Somebody who guesses the passwords of many users.
    rateLimit({name: 'address', limit: 20, per: 60_000}),
    // Somebody who guesses those of one user, from one place.
    rateLimit({name: 'attempts', limit: 2, per: 60_000, by: async r => `${addressKey(r)} ${await userIn(r)}`}),
    // Somebody who guesses those of one user, from many places.
    rateLimit({name: 'user', limit: 100, per: 3_600_000, by: userIn}),
  )
  async signIn(request: Request) {
    const user = await userIn(request);
    const password = String((await request.form()).get('password'));
    if (!sameSecret(password, passwords.get(user) ?? '')) throw createError(403, 'These two do not belong together.');
    await this.sessions.signIn(user, request);
    return `Welcome, ${user}.`;
  }
}

@Resource()
@Child('sign-in', SignIn)
class Home {
  @Get()
  show(request: Request) {
    return html`<script nonce="${cspNonce(request)}">
      document.title = 'Hello';
    </script>`;
  }

  @Post()
  change() {
    return 'Changed.';
  }
}

await serve(Home, {use: [securityHeaders({nonce: true})], csrf: {origins: ['https://app.example']}, bodyLimit: 65_536});
