import {
  generateAuthenticationOptions,
  generateRegistrationOptions,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
  type AuthenticationResponseJSON,
  type RegistrationResponseJSON,
} from '@simplewebauthn/server';
import {
  Child,
  Post,
  Resource,
  SessionComponent,
  SessionService,
  Use,
  createError,
  inject,
  type InputOf,
  type Request,
} from 'espalier';
import {requireSignIn} from 'espalier/builtin';
import {rateLimit} from 'espalier/builtin/rate-limit';
import {z} from 'zod';
import {Accounts} from './accounts.ts';
import {settings} from './settings.ts';

/** What a passkey has to sign next. It is taken out of the session when an answer comes, so that it is good once. */
@SessionComponent('challenge')
class Challenge {
  value = '';
  expiresAt = 0;
}

const patience = 5 * 60_000;
const rpID = new URL(settings.origin).hostname;
const expected = {expectedOrigin: settings.origin, expectedRPID: rpID};
const transported = {body: z.looseObject({id: z.string(), rawId: z.string(), type: z.literal('public-key')})};

abstract class WithChallenge {
  @inject(SessionService) protected readonly sessions!: SessionService;
  @inject(Accounts) protected readonly accounts!: Accounts;

  protected async keep(value: string, request: Request): Promise<void> {
    const session = await this.sessions.getSession(request);
    await session.update(Challenge, challenge => {
      Object.assign(challenge, {value, expiresAt: Date.now() + patience});
    });
  }

  protected async take(request: Request): Promise<string> {
    const session = await this.sessions.findSession(request);
    const challenge = await session?.take(Challenge);
    if (challenge && challenge.expiresAt > Date.now()) return challenge.value;
    throw createError(400, 'Begin again: this took too long.');
  }
}

/** A new passkey, for somebody who has signed in lately. */
@Resource()
@Use(requireSignIn({within: 30 * 60_000}))
export class Registration extends WithChallenge {
  @Post()
  async begin(request: Request) {
    const {user} = await this.sessions.requireSignIn({}, request);
    const account = this.accounts.byId(user!)!;
    const options = await generateRegistrationOptions({
      rpName: '{{name}}',
      rpID,
      userID: new TextEncoder().encode(account.id),
      userName: account.email,
      excludeCredentials: this.accounts.passkeysOf(account.id).map(({id}) => ({id})),
      authenticatorSelection: {residentKey: 'required', userVerification: 'preferred'},
    });
    await this.keep(options.challenge, request);
    return {...options};
  }
}

/** The answer of the browser to it. */
@Resource()
@Use(requireSignIn())
export class RegistrationAnswer extends WithChallenge {
  @Post(transported)
  async finish({body}: InputOf<typeof transported>, request: Request) {
    const {user} = await this.sessions.requireSignIn({}, request);
    const response = body as unknown as RegistrationResponseJSON;
    const {registrationInfo} = await verifyRegistrationResponse({
      response,
      expectedChallenge: await this.take(request),
      requireUserVerification: false,
      ...expected,
    }).catch(refuse);
    if (!registrationInfo) throw createError(400, 'This passkey could not be checked.');
    const {id, publicKey, counter} = registrationInfo.credential;
    const name = `Added ${new Date().toISOString().slice(0, 10)}`;
    this.accounts.addPasskey({id, account: user!, name, publicKey, counter});
  }
}

/** Signing in by a passkey. */
@Resource()
@Use(rateLimit({name: 'passkeys', limit: 50, per: 600_000}))
export class Authentication extends WithChallenge {
  @Post()
  async begin(request: Request) {
    const options = await generateAuthenticationOptions({rpID, userVerification: 'preferred'});
    await this.keep(options.challenge, request);
    return {...options};
  }
}

@Resource()
@Use(rateLimit({name: 'passkey-answers', limit: 50, per: 600_000}))
export class AuthenticationAnswer extends WithChallenge {
  @Post(transported)
  async finish({body}: InputOf<typeof transported>, request: Request) {
    const expectedChallenge = await this.take(request);
    const passkey = this.accounts.passkey(body.id);
    if (!passkey) throw createError(403, 'This passkey is not known here.');
    const {verified, authenticationInfo} = await verifyAuthenticationResponse({
      response: body as unknown as AuthenticationResponseJSON,
      expectedChallenge,
      credential: passkey,
      requireUserVerification: false,
      ...expected,
    }).catch(refuse);
    if (!verified) throw createError(403, 'This passkey could not be checked.');
    this.accounts.countPasskey(passkey.id, authenticationInfo.newCounter);
    await this.sessions.signIn(passkey.account, request);
  }
}

/** The library throws for what a client has sent. */
function refuse(error: unknown): never {
  throw createError(403, 'This passkey could not be checked.', {cause: error});
}

@Resource()
@Child('register', Registration)
@Child('register-answer', RegistrationAnswer)
@Child('sign-in', Authentication)
@Child('sign-in-answer', AuthenticationAnswer)
export class Passkeys {}
