// Run it with `npm run example a-whole-site`; ada's password is "lovelace".
import {
  Child,
  ContainerModule,
  Get,
  Post,
  Resource,
  SessionService,
  Use,
  createError,
  html,
  inject,
  serve,
  type InputOf,
  type Request,
  type Response,
  type SiteError,
} from 'espalier';
import {accessLog, compress, cors, requireSignIn, returnPath, sameSecret} from 'espalier/builtin';
import {addressKey, rateLimit} from 'espalier/builtin/rate-limit';
import {cspNonce, securityHeaders} from 'espalier/builtin/security-headers';
import {z} from 'zod';

/** What members have written, and who may sign in; an application has both in its database. */
class Club {
  readonly notes = ['Water the tree.'];
  readonly passwords = new Map([['ada', 'lovelace']]);
}

const signingIn = {body: z.object({user: z.string(), password: z.string()})};
const writing = {body: z.object({text: z.string().trim().min(1, 'Say something.')})};
const userIn = async (request: Request) => String((await request.form()).get('user'));

@Resource()
class SignIn {
  constructor(
    @inject(SessionService) private readonly sessions: SessionService,
    @inject(Club) private readonly club: Club,
  ) {}

  @Get()
  show() {
    return html`<form method="post"><input name="user" /><input name="password" type="password" /><button>Sign in</button></form>`;
  }

  @Post(signingIn)
  @Use(
    rateLimit({name: 'address', limit: 20, per: 60_000}),
    rateLimit({name: 'attempts', limit: 5, per: 900_000, by: async r => `${addressKey(r)} ${await userIn(r)}`}),
    rateLimit({name: 'user', limit: 100, per: 3_600_000, by: userIn}),
  )
  async signIn({body: {user, password}}: InputOf<typeof signingIn>, request: Request, response: Response) {
    if (!sameSecret(password, this.club.passwords.get(user) ?? '')) throw createError(403, 'A wrong password.');
    await this.sessions.signIn(user, request);
    response.redirect(returnPath(request));
  }
}

@Resource()
@Use(requireSignIn({redirect: '/sign-in'}))
class Members {
  constructor(@inject(Club) private readonly club: Club) {}

  @Get()
  show() {
    return html`<ul>${this.club.notes.map(note => html`<li>${note}</li>`)}</ul>
<form method="post"><input name="text" /><button>Write</button></form>`;
  }

  @Post(writing)
  write({body}: InputOf<typeof writing>, request: Request, response: Response) {
    this.club.notes.push(body.text);
    response.redirect(request.path);
  }
}

/** For programs, and for pages of another origin. */
@Resource()
@Use(
  cors({origins: ['https://app.example']}),
  securityHeaders({crossOriginResourcePolicy: {policy: 'cross-origin'}}),
  rateLimit({name: 'api', limit: 100, per: 60_000}),
)
class Api {
  constructor(@inject(Club) private readonly club: Club) {}

  @Get()
  count() {
    return {notes: this.club.notes.length};
  }
}

@Resource()
@Child('api', Api)
@Child('members', Members)
@Child('sign-in', SignIn)
class Home {
  @Get()
  greet(request: Request) {
    return html`<a href="/members">Members</a><script nonce="${cspNonce(request)}">document.title = 'The club';</script>`;
  }
}

/** The page of an error, for clients that read pages. */
function page({status}: SiteError, {headers, path}: Request, response: Response) {
  response.vary('Accept');
  return headers.accept?.includes('text/html') ? html`<h1>${status}</h1><p>This did not work: ${path}</p>` : undefined;
}

const services = new ContainerModule(({bind}) => {
  bind(Club).toSelf().inSingletonScope();
});

await serve(Home, {
  use: [accessLog(), compress(), securityHeaders({nonce: true})],
  csrf: {origins: ['https://app.example']},
  onError: page,
  modules: [services],
});
