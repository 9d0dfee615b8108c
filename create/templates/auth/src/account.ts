import {
  Child,
  Get,
  Post,
  Resource,
  SessionService,
  Use,
  html,
  inject,
  type Request,
  type Response,
  type Session,
} from 'espalier';
import {requireSignIn} from 'espalier/builtin';
import {Accounts} from './accounts.ts';
import {layout} from './layout.ts';

/** One session of the visitor's own, to be ended. */
@Resource()
export class OneDevice {
  constructor(private readonly session: Session) {}

  @Post()
  async end(_request: Request, response: Response) {
    await this.session.expire();
    response.redirect('/account');
  }
}

/** The visitor's sessions, on whichever device. */
@Resource()
export class Devices {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  /** Ends all but this one. */
  @Post()
  async endOthers(request: Request, response: Response) {
    const {user} = await this.sessions.requireSignIn({}, request);
    await this.sessions.of(user!).expireOthers();
    response.redirect('/account');
  }

  @Child(':key', OneDevice)
  async find(key: string, request: Request) {
    const {user} = await this.sessions.requireSignIn({}, request);
    const session = (await this.sessions.of(user!).list()).find(each => each.key === key);
    return session && new OneDevice(session);
  }
}

@Resource()
@Use(requireSignIn({redirect: '/sign-in'}))
@Child('devices', Devices)
export class AccountPage {
  constructor(
    @inject(SessionService) private readonly sessions: SessionService,
    @inject(Accounts) private readonly accounts: Accounts,
  ) {}

  @Get()
  async show(request: Request) {
    const own = await this.sessions.requireSignIn({}, request);
    const account = this.accounts.byId(own.user!);
    const devices = await this.sessions.of(own.user!).list();
    const passkeys = this.accounts.passkeysOf(own.user!);
    return layout(
      'Your account',
      html`<p>${account?.email}</p>
<h2>Devices</h2>
<ul>${devices.map(session => deviceLine(session, own))}</ul>
<form method="post" action="/account/devices"><button>Sign out everywhere else</button></form>
<h2>Passkeys</h2>
<ul>${passkeys.map(({name}) => html`<li>${name}</li>`)}</ul>
<button type="button" data-passkey="register" hidden>Add a passkey</button> <span role="alert" data-passkey-error hidden></span>
<h2>Leaving</h2>
<p><a href="/sign-up">Get a link for a new password</a></p>
<form method="post" action="/sign-out"><button>Sign out</button></form>`,
    );
  }
}

function deviceLine(session: Session, own: Session) {
  const seen = new Date(session.lastSeenAt).toISOString().slice(0, 16).replace('T', ' ');
  const isThisOne = session.key === own.key;
  return html`<li>${session.device ?? 'An unknown browser'}, seen ${seen} UTC${isThisOne && ' (this one)'}
  <form method="post" action="/account/devices/${session.key}"><button>Sign out</button></form></li>`;
}
