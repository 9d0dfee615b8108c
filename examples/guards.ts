// Run it with `npm run example guards`; "ada" is an editor, everybody else is a reader.
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
  requestKey,
  serve,
  type Middleware,
  type Next,
  type Request,
  type Response,
} from 'espalier';
import {requireSignIn, returnPath} from 'espalier/builtin';

interface Person {
  readonly name: string;
  readonly role: 'reader' | 'editor';
}

/** Who is known; an application has this in its database. */
class People {
  async find(name: string): Promise<Person> {
    return {name, role: name === 'ada' ? 'editor' : 'reader'};
  }
}

const person = requestKey<Person>('person');

/** Finds out once who the visitor is, for all that stands below. */
class WithPerson implements Middleware {
  constructor(
    @inject(SessionService) private readonly sessions: SessionService,
    @inject(People) private readonly people: People,
  ) {}

  async handle(request: Request, _response: Response, next: Next) {
    const {user} = await this.sessions.requireSignIn({}, request);
    request.set(person, await this.people.find(user!));
    return next();
  }
}

/** Lets those pass who have one of these roles. */
function forRoles(...roles: readonly Person['role'][]) {
  return class ForRoles implements Middleware {
    async handle(request: Request, _response: Response, next: Next) {
      if (roles.includes(request.get(person)!.role)) return next();
      throw createError(403, 'This is not for you.');
    }
  };
}

@Resource()
class Article {
  constructor(private readonly name: string) {}

  @Get()
  read(request: Request) {
    return `${request.get(person)!.name} reads ${this.name}.`;
  }

  @Post()
  @Use(forRoles('editor'))
  write(request: Request) {
    return `${request.get(person)!.name} writes ${this.name}.`;
  }
}

@Resource()
@Use(requireSignIn({redirect: '/sign-in'}), WithPerson)
class Articles {
  @Child(':name', Article)
  find(name: string) {
    return name.startsWith('a') ? new Article(name) : undefined;
  }
}

@Resource()
class SignIn {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Get()
  show() {
    return html`<form method="post"><input name="name" autofocus /><button>Sign in</button></form>`;
  }

  @Post()
  async signIn(request: Request, response: Response) {
    const name = (await request.form()).get('name');
    if (typeof name !== 'string' || name === '') throw createError(422, 'Who are you?');
    await this.sessions.signIn(name, request);
    response.redirect(returnPath(request));
  }
}

@Resource()
@Child('articles', Articles)
@Child('sign-in', SignIn)
class Home {
  @Get()
  welcome() {
    return 'Everybody may read this. For articles you have to sign in.';
  }
}

const people = new ContainerModule(({bind}) => {
  bind(People).toSelf().inSingletonScope();
});

await serve(Home, {modules: [people]});
