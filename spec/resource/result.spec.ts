import test from 'ava';
import {Delete, Get, html, Patch, Post, Put, Request, type Response, type Sendable} from 'espalier';

// The compiler is what tests here: each line under an expected error has to be one, and no other may be. The classes are never
// made: they answer one method many times.

interface Note {
  readonly text: string;
  readonly tags?: readonly string[];
  readonly at: Date;
}
type Page = {notes: Note[]; next: number | null};
interface Tree {
  [name: string]: Tree | string;
}
class Account {
  constructor(readonly name: string) {}
  greet() {
    return `Hello, ${this.name}.`;
  }
}
enum Color {
  Red,
}
declare const anything: any;
declare const something: unknown;
declare const note: Note;
declare const wide: Record<string, any>;

const sent = () => {
  class Sent {
    @Get() text() {
      return 'text';
    }
    @Get() page() {
      return html`<p>`;
    }
    @Get() bytes() {
      return new Uint8Array();
    }
    @Get() buffer() {
      return Buffer.alloc(1);
    }
    @Get() async *chunks() {
      yield 'chunk';
    }
    @Get() stream() {
      return new Blob([]).stream();
    }
    @Get() web() {
      return new globalThis.Response();
    }
    @Get() async fetched() {
      return fetch('http://localhost');
    }
    @Get() nothing() {}
    @Get() async later() {}
    @Get() never(): never {
      throw new Error();
    }
    @Get() interface() {
      return note;
    }
    @Get() async alias(): Promise<Page | undefined> {
      return undefined;
    }
    @Get() nested(): Tree {
      return {};
    }
    @Get() list() {
      return [1, null, note];
    }
    @Get() tuple() {
      return [1, 'a'] as const;
    }
    @Get() literal() {
      return {a: 1, b: {c: new Date()}};
    }
    @Get() record(): Record<string, unknown> {
      return {};
    }
    @Get() wide() {
      return wide;
    }
    @Get() object(): object {
      return {};
    }
    @Get() any() {
      return anything;
    }
    @Get() unknown() {
      return something;
    }
    @Get() cookies(request: Request) {
      return request.cookies;
    }
    @Get() params({params}: Request, response: Response) {
      response.status = 201;
      return Math.random() > 1 ? params : 'text';
    }
  }
  return Sent;
};

const refused = () => {
  class Refused {
    // @ts-expect-error
    @Get() number() {
      return 5;
    }
    // @ts-expect-error
    @Get() async promisedNumber() {
      return 5;
    }
    // @ts-expect-error
    @Post() nothing() {
      return null;
    }
    // @ts-expect-error
    @Put() map() {
      return new Map();
    }
    // @ts-expect-error
    @Put() set() {
      return new Set<string>();
    }
    // @ts-expect-error
    @Patch() instance() {
      return new Account('ada');
    }
    // @ts-expect-error
    @Delete() date() {
      return new Date();
    }
    // @ts-expect-error
    @Get() truth() {
      return true;
    }
    // @ts-expect-error
    @Get() bigint() {
      return 1n;
    }
    // @ts-expect-error
    @Get() symbol() {
      return Symbol('a');
    }
    // @ts-expect-error
    @Get() function() {
      return () => 'text';
    }
    // @ts-expect-error
    @Get() iterator() {
      return ['a'].values();
    }
    // @ts-expect-error
    @Get() enum() {
      return Color.Red;
    }
    // @ts-expect-error
    @Get() form(request: Request) {
      return request.form();
    }
    // @ts-expect-error
    @Get() query({query}: Request) {
      return query;
    }
    // @ts-expect-error
    @Get() blob() {
      return new Blob([]);
    }
    // @ts-expect-error
    @Get() maybe(): string | null {
      return null;
    }
    // @ts-expect-error
    @Get() one(): Note | Account {
      return note;
    }
  }
  return Refused;
};

test('a handler that returns what can not be sent does not compile, where its type tells; others do', t => {
  const text: Sendable<string | null | Account> = 'text';
  // @ts-expect-error
  const none: Sendable<string | null> = null;
  t.deepEqual([text, none], ['text', null]);
  t.truthy(sent);
  t.truthy(refused);
});

test('the bytes of a request can be handed to a Response, a Blob and a File', async t => {
  const bytes = await Request.from({method: 'POST', body: 'bytes'}).bytes();
  t.is(await new globalThis.Response(bytes).text(), 'bytes');
  t.is(await new Blob([bytes]).text(), 'bytes');
  t.is(await new File([bytes], 'a').text(), 'bytes');
});
