import {setImmediate} from 'node:timers/promises';
import test from 'ava';
import {Response, type EndReason} from 'espalier';
import {MemoryStore} from 'espalier/store/memory';
import {TestClock} from 'espalier/testing';
import {Components} from '../../../src/session/component/component.ts';
import {ComponentWriter} from '../../../src/session/component/writer.ts';
import {EndListeners} from '../../../src/session/end/listeners.ts';
import {Session} from '../../../src/session/session.ts';
import {StoreOutages} from '../../../src/session/store/outages.ts';
import {InFlight} from '../../../src/session/visit/in-flight.ts';
import {LookUp} from '../../../src/session/visit/look-up.ts';
import {Presence} from '../../../src/session/visit/presence.ts';

const second = 1000;
const minute = 60 * second;

/** A session of a minute, ten at most, and its visitor's presence in a request. */
function world({isSeen = true} = {}) {
  const clock = new TestClock();
  const store = new MemoryStore({clock});
  const listeners = new EndListeners(console);
  const inFlight = new InFlight(clock);
  const shared = {store, listeners, inFlight, clock};
  const writer = new ComponentWriter({store, clock, outages: new StoreOutages(console, clock)}, 2000);
  const visitor = {isVisitor: true, renew: async () => undefined, expire: async () => undefined};
  const record = store.create({
    uid: 'a uid',
    isSecure: false,
    device: undefined,
    idleTimeout: minute,
    absoluteTimeout: 10 * minute,
  });
  const held = {...shared, writer, components: new Components(), componentLimit: 1000};
  const session = new Session(record, held, visitor);
  const parts = {...shared, lookUp: new LookUp(store, console), renewalGrace: 0};
  const presence = new Presence(session, 'a uid', isSeen, parts);
  /** The session ends, and who waits for that hears of it. */
  const end = (reason: EndReason) => {
    store.end('a uid', reason);
    listeners.tell('a uid', reason);
  };
  return {clock, store, session, presence, end};
}

/** An answer that never comes to its end. */
function streamed(type: string) {
  const response = new Response();
  response.setHeader('Content-Type', type);
  response.body = (async function* () {
    yield 'first';
    await new Promise(() => undefined);
  })();
  return response;
}

const reader = ({body}: Response) => (body as AsyncIterable<string>)[Symbol.asyncIterator]();

test('while it is there its session does not become idle; afterwards it does', t => {
  const {clock, store, presence} = world();
  presence.begin();
  clock.advance(9 * minute);
  presence.follow(new Response());
  clock.advance(minute - 1);
  t.truthy(store.find('a uid', false));
  clock.advance(1);
  t.is(store.find('a uid', false), undefined);
});

test('who was not seen holds nothing, until they are', async t => {
  const {clock, store, presence} = world({isSeen: false});
  presence.begin();
  clock.advance(minute - 1);
  t.true(await presence.lasts(false));
  t.true(await presence.lasts(true));
  clock.advance(5 * minute);
  t.truthy(store.find('a uid', false));
});

test('that the session has ended is known to who asks, and to who listens', async t => {
  const asking = world({isSeen: false});
  asking.store.end('a uid', 'revoked');
  t.false(asking.session.hasEnded);
  t.false(await asking.presence.lasts(true));
  t.true(asking.session.hasEnded);
  const listening = world();
  listening.presence.listen();
  listening.end('revoked');
  t.true(listening.session.hasEnded);
});

test('a stream ends with the session: events cleanly, anything else by failing', async t => {
  for (const type of ['text/event-stream', 'application/octet-stream']) {
    const {end, presence} = world();
    const response = streamed(type);
    presence.begin();
    presence.follow(response);
    const chunks = reader(response);
    t.is((await chunks.next()).value, 'first');
    const last = chunks.next();
    end('revoked');
    if (type === 'text/event-stream') t.true((await last).done);
    else await t.throwsAsync(last, {message: 'The stream was cut off.'});
  }
});

test('a stream whose session’s end was missed ends some ten seconds later', async t => {
  const {clock, store, presence} = world();
  const response = streamed('text/event-stream');
  presence.begin();
  presence.follow(response);
  const chunks = reader(response);
  await chunks.next();
  const last = chunks.next();
  store.end('a uid', 'revoked');
  for (let seconds = 0; seconds < 11; seconds += 1) {
    clock.advance(second);
    await setImmediate();
  }
  t.true((await last).done);
});

test('who has left the session is not cut off, holds nothing, and leaves no timer', async t => {
  const {clock, end, presence} = world();
  const response = streamed('application/octet-stream');
  presence.begin();
  presence.follow(response);
  presence.release();
  end('logout');
  presence.leave();
  t.is((await reader(response).next()).value, 'first');
  clock.advance(2 * second);
  t.is(clock.pending, 0);
});
