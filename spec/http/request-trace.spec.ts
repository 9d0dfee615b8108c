import {tracingChannel} from 'node:diagnostics_channel';
import {once} from 'node:events';
import {connect} from 'node:net';
import anyTest, {type ExecutionContext} from 'ava';
import {Child, createError, Get, Resource, Use, type Middleware, type RequestTrace} from 'espalier';
import {testSite} from 'espalier/testing';
import {until} from '../until.ts';

// Channels are the same for the whole process.
const test = anyTest.serial;

/** Listen for as long as a test goes on; gives what was told of requests, as it was then. */
function heard(t: ExecutionContext): (RequestTrace & {event: string})[] {
  const told: (RequestTrace & {event: string})[] = [];
  const channel = tracingChannel<unknown, RequestTrace>('espalier:request');
  const hear = (event: string) => (message: RequestTrace) => void told.push({...message, event});
  const subscribers = {
    start: hear('start'),
    end: hear('end'),
    asyncStart: hear('asyncStart'),
    asyncEnd: hear('asyncEnd'),
    error: hear('error'),
  };
  channel.subscribe(subscribers);
  t.teardown(() => channel.unsubscribe(subscribers));
  return told;
}

class Refusing implements Middleware {
  handle(): never {
    throw createError(403);
  }
}

@Resource()
class Person {
  @Get()
  show() {
    return 'shown';
  }
}

@Resource()
class People {
  @Child(':name', Person)
  find(name: string) {
    if (name === 'broken') throw new Error('broken');
    return new Person();
  }
}

@Resource()
@Use(Refusing)
class Guarded {}

@Resource()
@Child('people', People)
@Child('guarded', Guarded)
class Root {
  @Get()
  async *stream() {
    yield 'a';
    yield 'bc';
  }
}

test('a request is told when it begins and when its answer has ended, with its pattern, resource, method and status', async t => {
  const told = heard(t);
  await testSite(Root).visitor().get('/people/ada?a');
  t.deepEqual(
    told.map(({event}) => event),
    ['start', 'asyncStart', 'asyncEnd', 'end'],
  );
  const {request, ...last} = told[2]!;
  t.is(request.method, 'GET');
  t.is(request.pattern, '/people/:name');
  t.deepEqual(last, {
    event: 'asyncEnd',
    resource: 'Person',
    method: 'Person.show()',
    status: 200,
    bytes: 5,
    isWhole: true,
  });
  t.is(told[0]!.status, undefined);
});

test('of what is not found, refused or broken the status is told, and the error of what was unexpected', async t => {
  const told = heard(t);
  const {visitor} = testSite(Root);
  for (const path of ['/none', '/guarded', '/people/broken']) await visitor().get(path);
  const ended = told.filter(({event}) => event === 'asyncEnd');
  t.deepEqual(
    ended.map(({status, resource}) => [status, resource]),
    [
      [404, undefined],
      [403, undefined],
      [500, undefined],
    ],
  );
  const failed = told.filter(({event}) => event === 'error');
  t.is(failed.length, 1);
  t.like(failed[0], {error: {message: 'broken'}});
});

test('a streamed answer is over when its stream is, and one that the client leaves is not whole', async t => {
  const told = heard(t);
  const {site} = testSite(Root);
  const {port} = new URL(await site.listen({port: 0, host: '127.0.0.1'}));
  t.teardown(() => site.close());
  t.is(await (await fetch(`http://127.0.0.1:${port}/`)).text(), 'abc');
  await until(() => told.some(({event}) => event === 'asyncEnd'));
  t.like(told.at(-1), {event: 'asyncEnd', status: 200, bytes: 3, isWhole: true});
  const socket = connect(Number(port), '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await once(socket, 'data');
  socket.destroy();
  await until(() => told.filter(({event}) => event === 'asyncEnd').length === 2);
});
