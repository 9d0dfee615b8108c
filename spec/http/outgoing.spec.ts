import {EventEmitter} from 'node:events';
import test from 'ava';
import {watchEnd, type AnswerEnd, type Outgoing} from '../../src/http/outgoing.ts';
import {Response} from '../../src/http/response.ts';
import {Request} from '../../src/http/request.ts';

/** Where an answer goes, as a socket would have it. */
class Out extends EventEmitter implements Outgoing {
  destroyed = false;
  writableFinished = false;
  leave(isFinished: boolean) {
    this.destroyed = true;
    this.writableFinished = isFinished;
    this.emit('close');
  }
}

function watched(body: Response['body'], out?: Outgoing) {
  const response = new Response();
  response.body = body;
  const ends: AnswerEnd[] = [];
  watchEnd(response, out, end => ends.push({...end}));
  return {response, ends};
}

async function* chunks() {
  yield 'ä';
  yield Buffer.from('bc');
}

test('without a connection an answer has ended when it is handed over', t => {
  t.deepEqual(watched('ä').ends, [{bytes: 2, isWhole: true}]);
  t.deepEqual(watched(undefined).ends, [{bytes: 0, isWhole: true}]);
});

test('without a connection a stream has ended when nobody reads it any further', async t => {
  const whole = watched(chunks());
  t.deepEqual(whole.ends, []);
  for await (const _ of whole.response.stream!);
  t.deepEqual(whole.ends, [{bytes: 4, isWhole: true}]);
  const cut = watched(chunks());
  for await (const _ of cut.response.stream!) break;
  t.deepEqual(cut.ends, [{bytes: 2, isWhole: false}]);
});

test('over a connection an answer ends with it, whole only where all was written', t => {
  for (const isWhole of [true, false]) {
    const out = new Out();
    const {ends} = watched('abc', out);
    t.deepEqual(ends, []);
    out.leave(isWhole);
    t.deepEqual(ends, [{bytes: 3, isWhole}]);
  }
});

test('an answer to a client that has gone before is none, and its stream is left as it is', t => {
  const out = new Out();
  out.leave(false);
  t.deepEqual(watched(chunks(), out).ends, [{bytes: 0, isWhole: false}]);
});

test('nobody is told of an answer who has not asked to be', t => {
  const request = Request.from({});
  const response = new Response();
  const body = chunks();
  response.body = body;
  request.handOver(response);
  t.is(response.body, body);
});
