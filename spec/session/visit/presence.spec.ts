import {setImmediate} from 'node:timers/promises';
import test from 'ava';
import {Response} from 'espalier';
import {MemoryStore} from 'espalier/store/memory';
import {TestClock} from 'espalier/testing';
import {Components} from '../../../src/session/component/component.ts';
import {ComponentWriter} from '../../../src/session/component/writer.ts';
import {CrossSiteRule} from '../../../src/session/visit/cross-site.ts';
import {StoreOutages} from '../../../src/session/store/outages.ts';
import {EndListeners} from '../../../src/session/end/listeners.ts';
import {InFlight} from '../../../src/session/visit/in-flight.ts';
import {Keeper} from '../../../src/session/visit/keeper.ts';
import {Presence} from '../../../src/session/visit/presence.ts';
import {Session} from '../../../src/session/session.ts';
import {randomToken} from '../../../src/session/visit/token.ts';
import {TimeLimit} from '../../../src/time-limit.ts';

const second = 1000;
const minute = 60 * second;

/** A session of a minute, ten at most, and its visitor's presence in a request. */
function world({isSeen = true} = {}) {
  const clock = new TestClock();
  const store = new MemoryStore({clock});
  const listeners = new EndListeners(console);
  const missing = store.onEnd((key, reason) => listeners.tell(key, reason));
  const parts = {
    store,
    listeners,
    clock,
    writer: new ComponentWriter({store, clock, outages: new StoreOutages(console, clock)}, 2000),
    inFlight: new InFlight(clock),
    newToken: randomToken,
    logger: console,
    unreadable: new Set<string>(),
    crossSite: new CrossSiteRule([]),
    timeLimit: new TimeLimit(clock, 1000),
    lifetime: {idleTimeout: minute, absoluteTimeout: 10 * minute},
    renewalGrace: 0,
    userLimit: Infinity,
    componentLimit: 1000,
    components: new Components(),
  };
  const session = new Session(store.create({uid: 'a uid', isSecure: false, ...parts.lifetime}), new Keeper(parts));
  const presence = new Presence(session, 'a uid', isSeen, parts);
  return {clock, store, session, presence, missing};
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
  presence.settle(new Response());
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
  t.false(asking.presence.hasEnded);
  t.false(await asking.presence.lasts(true));
  t.true(asking.presence.hasEnded);
  const listening = world();
  listening.presence.listen();
  listening.store.end('a uid', 'revoked');
  t.true(listening.presence.hasEnded);
});

test('a stream ends with the session: events cleanly, anything else by failing', async t => {
  for (const type of ['text/event-stream', 'application/octet-stream']) {
    const {store, presence} = world();
    const response = streamed(type);
    presence.begin();
    presence.settle(response);
    const chunks = reader(response);
    t.is((await chunks.next()).value, 'first');
    const last = chunks.next();
    store.end('a uid', 'revoked');
    if (type === 'text/event-stream') t.true((await last).done);
    else await t.throwsAsync(last, {message: 'The stream was cut off.'});
  }
});

test('a stream whose session’s end was missed ends some ten seconds later', async t => {
  const {clock, store, presence, missing} = world();
  const response = streamed('text/event-stream');
  presence.begin();
  presence.settle(response);
  const chunks = reader(response);
  await chunks.next();
  const last = chunks.next();
  missing();
  store.end('a uid', 'revoked');
  for (let seconds = 0; seconds < 11; seconds += 1) {
    clock.advance(second);
    await setImmediate();
  }
  t.true((await last).done);
});

test('who has left the session is not cut off, holds nothing, and leaves no timer', async t => {
  const {clock, store, presence} = world();
  const response = streamed('application/octet-stream');
  presence.begin();
  presence.settle(response);
  presence.release();
  store.end('a uid', 'logout');
  presence.leave();
  t.is((await reader(response).next()).value, 'first');
  clock.advance(2 * second);
  t.is(clock.pending, 0);
});
