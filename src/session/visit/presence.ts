import {isPromised, proceed, type Awaitable} from '../../awaitable.ts';
import type {Clock} from '../../clock.ts';
import type {Conversation} from '../../http/conversation.ts';
import type {Response} from '../../http/response.ts';
import {isWholeAnywhere, StoppableStream, type Chunk} from '../../http/stream.ts';
import type {EndListeners} from '../end/listeners.ts';
import type {Session} from '../session.ts';
import {isLive, type Renewal, type SessionRecord, type SessionStore} from '../store/contract.ts';
import {leastGain} from '../store/lifetime.ts';
import type {Flight, InFlight} from './in-flight.ts';
import type {LookUp} from './look-up.ts';

/** What the presences of all visitors of a site share. */
export interface PresenceParts {
  readonly store: SessionStore;
  readonly lookUp: LookUp;
  readonly listeners: EndListeners;
  readonly inFlight: InFlight;
  readonly renewalGrace: number;
  readonly clock: Clock;
}

/** How long a stream may last, in milliseconds, until it is asked whether its session still does. Shorter with a shorter grace. */
const streamCheck = {least: 1000, most: 10_000};

/**
 * A visitor's session while a request of theirs is answered: it does not become idle meanwhile, and an answer that is a
 * stream ends with it. So does a WebSocket; there the visitor is seen when a message comes in.
 */
export class Presence implements Flight {
  place = -1;
  readonly session: Session;
  readonly #parts: PresenceParts;
  /** The uid that the visitor came with: another one has not reached their browser yet. */
  #uid: string;
  /** By which id the session goes on when that one is over. */
  #nextUid: string;
  /** Whether the session was counted as seen during this request. */
  #isSeen: boolean;
  /** Whether the visitor goes on without the session. */
  #isLeft = false;
  #isChecking = false;
  /** Whether a message has come in meanwhile. */
  #isInput = false;
  #checkedAt = 0;
  #stopHearing: (() => void) | undefined;
  #conversation: Conversation | undefined;
  /** End the answer that is being streamed, or the WebSocket, if there is one. */
  #stopStream: (() => void) | undefined;
  /** Let it go on although the session ends. */
  #releaseStream: (() => void) | undefined;

  constructor(session: Session, uid: string, isSeen: boolean, parts: PresenceParts) {
    this.session = session;
    this.#uid = this.#nextUid = uid;
    this.#isSeen = isSeen;
    this.#parts = parts;
  }

  /** From now on see to it that the session does not become idle, until the answer is there. */
  begin(): void {
    this.#parts.inFlight.add(this);
  }

  /** Whether the session is alive, as far as that need be asked. With `isSeen` its visitor counts as seen. */
  lasts(isSeen: boolean): Awaitable<boolean> {
    const {session} = this;
    if (session.timeLeft > 0 && (this.#isSeen || !isSeen)) return true;
    if (!isSeen) return proceed(this.#find(), record => session.adopt(record));
    return proceed(this.#parts.store.touch(session.key, session.asOf), record => {
      if (record) this.#isSeen = true;
      else session.noteEnd();
      return session.adopt(record);
    });
  }

  /** From now on hear of the end, until the headers are sent. */
  listen(): void {
    this.#stopHearing ??= this.#parts.listeners.add(this.session.key, () => this.session.noteEnd());
  }

  hold(): void {
    const {session} = this;
    if (this.#isChecking) return;
    const isStreamDue =
      this.#stopStream !== undefined && this.#parts.clock.now() - this.#checkedAt >= this.#streamCheck;
    const isIdling = session.timeLeft <= session.idleTimeout / 2 && canLastLonger(session);
    const isOver = session.timeLeft === 0;
    if (isStreamDue || (this.#isHeld ? isIdling || isOver : isOver && this.#stopStream)) this.#check();
  }

  /** The headers go out; what is streamed after them ends with the session. */
  follow(response: Response): void {
    this.#stopHearing?.();
    if (response.conversation) this.#attend(response.conversation);
    else if (response.stream) this.#accompany(response.stream, response);
    else this.#finish();
  }

  /** The visitor gets another uid. That of before goes on until they come with it, unless it was for nobody, or before a sign-in. */
  rename({to, isUnsent = false, signIn}: Renewal): void {
    this.#nextUid = to;
    if (isUnsent || signIn) this.#uid = to;
  }

  /** Let a stream go on although the session ends: its visitor ends it. */
  release(): void {
    this.#releaseStream?.();
  }

  /** The visitor goes on without the session. */
  leave(): void {
    this.#isLeft = true;
    this.#stopHearing?.();
    this.#parts.inFlight.remove(this);
    // What its own handler has ended, or found to be over.
    this.#conversation?.leave();
  }

  #attend(conversation: Conversation): void {
    this.#conversation = conversation;
    this.#stopStream = () => conversation.leave();
    const stopHearing = this.#parts.listeners.add(this.session.key, this.#stopStream);
    conversation.onInput = () => this.#see();
    conversation.afterEnd(() => {
      stopHearing();
      this.#parts.inFlight.remove(this);
    });
    // It may have ended while the answer was made.
    this.#check();
  }

  /** A message has come in. */
  #see(): void {
    this.#isInput = this.#isChecking;
    if (this.#isChecking || this.#isWellSeen) return;
    this.#isSeen = true;
    this.#check(true);
  }

  #accompany(source: AsyncIterable<Chunk>, response: Response): void {
    this.#stopStream = makeStoppable(source, response, () => {
      this.release();
      this.#finish();
    });
    this.#releaseStream = this.#parts.listeners.add(this.session.key, this.#stopStream);
    // It may have ended while the answer was made.
    this.#check();
  }

  // An answer that took long counts as being seen until it was there.
  #finish(): void {
    this.#parts.inFlight.remove(this);
    if (this.#isLeft || !this.#isHeld || this.#isWellSeen) return;
    this.#check();
  }

  /** Whether the session does not become idle meanwhile. */
  get #isHeld(): boolean {
    return this.#isSeen && !this.#conversation;
  }

  /** Whether being seen now would gain nothing. */
  get #isWellSeen(): boolean {
    const {session} = this;
    return session.timeLeft >= session.idleTimeout - leastGain(session.idleTimeout) || !canLastLonger(session);
  }

  /** `isSeen` is whether the visitor is seen by it. */
  #check(isSeen = this.#isHeld): void {
    this.#isChecking = true;
    this.#checkedAt = this.#parts.clock.now();
    try {
      const asked = this.#ask(isSeen);
      if (!isPromised(asked)) return this.#hear(asked);
      // A store that is out of reach is asked again; until then its sessions are as good as any.
      asked.then(
        record => this.#hear(record),
        () => (this.#isChecking = false),
      );
    } catch {
      this.#isChecking = false;
    }
  }

  #ask(isSeen: boolean): Awaitable<SessionRecord | undefined> {
    const {key, asOf} = this.session;
    return isSeen ? this.#parts.store.touch(key, asOf) : this.#find();
  }

  #find(): Awaitable<SessionRecord | undefined> {
    return proceed(this.#parts.lookUp.find(this.#uid, false), found => {
      if (!isLive(found)) return this.#findNext();
      this.#nextUid = found.uid;
      return (found.authenticatedAt ?? 0) === this.session.asOf ? found : undefined;
    });
  }

  // The grace of an id begins when a later one has been seen, so that one can be looked for now, and not before.
  #findNext(): Awaitable<SessionRecord | undefined> {
    if (this.#nextUid === this.#uid) return undefined;
    this.#uid = this.#nextUid;
    return this.#find();
  }

  get #streamCheck(): number {
    return Math.min(Math.max(this.#parts.renewalGrace / 2, streamCheck.least), streamCheck.most);
  }

  #hear(record: SessionRecord | undefined): void {
    this.#isChecking = false;
    const isAlive = this.session.adopt(record);
    if (isAlive && this.#isInput) this.#see();
    if (isAlive || this.#isLeft) return;
    this.#parts.inFlight.remove(this);
    this.#stopStream?.();
  }
}

/** Have an answer that is streamed be one that the function which this gives can stop. `onDone` hears that it is over. */
export function makeStoppable(source: AsyncIterable<Chunk>, response: Response, onDone: () => void): () => void {
  const stream = new StoppableStream(source, onDone);
  const isWhole = isWholeAnywhere(response.header('Content-Type'));
  response.body = stream;
  return () => stream.stop(isWhole);
}

/** Whether being seen would still put off its end. */
function canLastLonger(session: Session): boolean {
  return session.idleDeadline < session.absoluteDeadline;
}
