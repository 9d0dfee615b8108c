// Run it with `npm run example signing-in-and-out`; ada's password is "lovelace".
import {randomBytes, scryptSync, timingSafeEqual} from 'node:crypto';
import {
  Child,
  Delete,
  Get,
  Post,
  Resource,
  SessionService,
  createError,
  inject,
  serve,
  type Request,
  type Response,
  type Session,
} from 'espalier';

const day = 24 * 60 * 60 * 1000;

/** Who may sign in; an application has this in its database. */
class Accounts {
  readonly #hashes = new Map<string, {salt: Buffer; hash: Buffer}>();

  setPassword(user: string, password: string): void {
    const salt = randomBytes(16);
    this.#hashes.set(user, {salt, hash: scryptSync(password, salt, 32)});
  }

  has(user: string, password: string): boolean {
    const account = this.#hashes.get(user);
    return account !== undefined && timingSafeEqual(scryptSync(password, account.salt, 32), account.hash);
  }
}

const accounts = new Accounts();
accounts.setPassword('ada', 'lovelace');

@Resource()
class SignIn {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Post()
  async signIn(request: Request, response: Response) {
    const form = await request.form();
    const [user, password] = [String(form.get('user')), String(form.get('password'))];
    if (!accounts.has(user, password)) throw createError(403, 'This is not the password of such a user.');
    const remember = form.has('remember') ? 30 * day : undefined;
    await this.sessions.signIn(user, {remember}, request);
    response.redirect('/');
  }
}

@Resource()
class SignOut {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Post()
  async signOut(request: Request, response: Response) {
    await this.sessions.expire(request);
    response.redirect('/');
  }
}

@Resource()
class Device {
  constructor(private readonly session: Session) {}

  @Delete()
  async signOut() {
    await this.session.expire();
  }
}

@Resource()
class Devices {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Get()
  async list() {
    const own = await this.sessions.requireSignIn();
    const all = await this.sessions.of(own.user!).list();
    return all.map(({key, device, lastSeenAt}) => ({key, device, lastSeenAt, isThisOne: key === own.key}));
  }

  @Child(':key', Device)
  async find(key: string) {
    const own = await this.sessions.requireSignIn();
    const all = await this.sessions.of(own.user!).list();
    const session = all.find(each => each.key === key);
    return session && new Device(session);
  }
}

@Resource()
class Password {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Post()
  async change(request: Request) {
    const session = await this.sessions.requireSignIn({within: 5 * 60_000});
    accounts.setPassword(session.user!, String((await request.form()).get('password')));
    await session.renew();
    const ended = await this.sessions.of(session.user!).expireOthers();
    return `Your password has been changed, and ${ended} other sessions of yours have ended.`;
  }
}

@Resource()
@Child('sign-in', SignIn)
@Child('sign-out', SignOut)
@Child('devices', Devices)
@Child('password', Password)
class Home {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Get()
  async greet() {
    const session = await this.sessions.findSession();
    return session?.user === undefined ? 'You are not signed in.' : `You are ${session.user}.`;
  }
}

await serve(Home, {sessions: {userLimit: 10}});
