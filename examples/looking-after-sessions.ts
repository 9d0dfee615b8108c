// Run it with `npm run example looking-after-sessions`.
import {
  Child,
  Delete,
  Get,
  Post,
  Resource,
  SessionAdmin,
  SessionService,
  SessionStore,
  Use,
  createError,
  inject,
  serve,
  type Middleware,
  type Next,
  type Request,
  type Response,
} from 'espalier';

/** Lets operators through, and nobody else. */
class OnlyOperators implements Middleware {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  async handle(_request: Request, _response: Response, next: Next) {
    const {user} = await this.sessions.requireSignIn();
    if (user !== 'olga') throw createError(403, 'This is for operators.');
    return next();
  }
}

@Resource()
class OneSession {
  constructor(
    private readonly admin: SessionAdmin,
    private readonly key: string,
  ) {}

  @Get()
  async show() {
    return this.admin.find(this.key);
  }

  @Delete()
  async end() {
    await this.admin.end(this.key);
  }
}

@Resource()
class Sessions {
  private readonly admin: SessionAdmin;

  constructor(@inject(SessionStore) store: SessionStore) {
    this.admin = new SessionAdmin(store);
  }

  @Get()
  async list({query}: Request) {
    const {sessions, next} = await this.admin.list({user: query.get('user') ?? undefined, most: 20});
    return {sessions: sessions.map(({key, user, device}) => ({key, user, device})), next};
  }

  @Child(':key', OneSession)
  find(key: string) {
    return new OneSession(this.admin, key);
  }
}

@Resource()
class Users {
  private readonly admin: SessionAdmin;

  constructor(@inject(SessionStore) store: SessionStore) {
    this.admin = new SessionAdmin(store);
  }

  @Get()
  async export({query}: Request) {
    return this.admin.export(query.get('user') ?? '');
  }

  @Delete()
  async erase({query}: Request) {
    return this.admin.erase(query.get('user') ?? '');
  }
}

@Resource()
@Child('sessions', Sessions)
@Child('users', Users)
@Use(OnlyOperators)
class Operators {}

@Resource()
@Child('operators', Operators)
class Home {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Post()
  async enter(request: Request) {
    await this.sessions.signIn(String((await request.form()).get('user')), request);
    return 'Welcome.';
  }
}

await serve(Home);
