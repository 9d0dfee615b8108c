import test from 'ava';
import {type} from 'arktype';
import {
  Delete,
  Get,
  html,
  Patch,
  Post,
  Put,
  Request,
  Resource,
  createSite,
  type HandlerOptions,
  type Response,
  type Sendable,
  type Site,
} from 'espalier';
import {testSite} from 'espalier/testing';
import * as v from 'valibot';
import {z} from 'zod';

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
declare const other: Site;
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
    @Get() async handedOn(request: Request) {
      return other.handle(request);
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

const zodNote = z.object({text: z.string(), at: z.date(), tags: z.array(z.string()).optional()});
const valibotNote = v.object({text: v.string(), at: v.date(), tags: v.optional(v.array(v.string()))});
const arktypeNote = type({text: 'string', at: 'Date', 'tags?': 'string[] | undefined'});
const notes = z.array(zodNote);

const fitting = () => {
  class Fitting {
    @Get({result: zodNote}) zod() {
      return note;
    }
    @Get({result: valibotNote}) valibot() {
      return note;
    }
    @Get({result: arktypeNote}) arktype() {
      return note;
    }
    @Get({result: notes}) async list(): Promise<readonly Note[]> {
      return [note];
    }
    @Get({result: zodNote}) redirecting(request: Request, response: Response) {
      if (request.search === '') return response.redirect('/?a');
      return note;
    }
    @Get({result: zodNote}) page() {
      return Math.random() > 1 ? html`<p>` : note;
    }
    @Get({result: zodNote}) web() {
      return new globalThis.Response();
    }
    @Get({result: zodNote}) handedOn(request: Request) {
      return other.handle(request);
    }
    @Get({result: z.string()}) text() {
      return 'text';
    }
    @Get({result: z.void()}) nothing() {}
    @Get({result: z.object({more: z.unknown()})}) unknown() {
      return {more: note};
    }
    @Get({result: zodNote}) any() {
      return anything;
    }
    @Get({result: zodNote}) never(): never {
      throw new Error();
    }
  }
  return Fitting;
};

const unfit = () => {
  class Unfit {
    // @ts-expect-error The date is missing.
    @Get({result: zodNote}) zod() {
      return {text: 'a'};
    }
    // @ts-expect-error The text is a number.
    @Get({result: valibotNote}) valibot() {
      return {...note, text: 5};
    }
    // @ts-expect-error The tags are numbers.
    @Get({result: arktypeNote}) async arktype() {
      return {...note, tags: [1]};
    }
    // @ts-expect-error It is no list.
    @Get({result: notes}) list() {
      return note;
    }
    // @ts-expect-error A return is forgotten.
    @Get({result: zodNote}) nothing() {}
    // @ts-expect-error It is a text, or a note.
    @Get({result: zodNote}) text() {
      return Math.random() > 1 ? 'text' : note;
    }
  }
  return Unfit;
};

test('a handler that returns what does not fit the schema of its result does not compile; others do', t => {
  t.truthy(fitting);
  t.truthy(unfit);
});

/** A site whose root answers with this, by these options. */
function giving(result: HandlerOptions['result'], make: (response: Response) => unknown) {
  @Resource()
  class Page {
    @Get({status: 200, ...(result && {result})})
    give(_request: Request, response: Response) {
      return make(response);
    }
  }
  return Page;
}

for (const [validator, schema] of Object.entries({
  zod: z.array(zodNote),
  valibot: v.array(valibotNote),
  ArkType: arktypeNote.array(),
})) {
  test(`in a test a result that does not fit its schema of ${validator} is a 500 that names method and place`, async t => {
    const wrong = [note0, {...note0, text: 5}];
    for (const make of [() => wrong, async () => wrong]) {
      const {visitor, log} = testSite(giving(schema, make));
      t.is((await visitor().get('/')).status, 500);
      t.like(log[0]!.error, {code: 'RESULT_MISMATCH'});
      t.regex(String(log[0]!.error), /Page\.give\(\) returned what the schema of its result refuses: \/1\/text \(/);
    }
    t.is(
      (
        await testSite(giving(schema, () => [note0]))
          .visitor()
          .get('/')
      ).status,
      200,
    );
  });
}
const note0 = {text: 'a', at: new Date(0)};

test('in production no result is held against its schema', async t => {
  const site = createSite(giving(zodNote, () => ({text: 5})));
  t.teardown(() => site.close());
  const {status, body} = await site.handle({});
  t.deepEqual([status, body], [200, '{"text":5}']);
});

test('in a test a page, a Response and a redirect pass whatever the schema of the result, and a forgotten return does not', async t => {
  const status = async (make: (response: Response) => unknown) =>
    (await testSite(giving(zodNote, make)).visitor().get('/')).status;
  t.is(await status(() => html`<p>`), 200);
  t.is(await status(() => new globalThis.Response('tea', {status: 418})), 418);
  t.is(await status(() => createSite(giving(undefined, () => 'tea')).handle({})), 200);
  t.is(await status(response => response.redirect('/')), 303);
  t.is(await status(() => undefined), 500);
});

test('a result that does not fit is told with five places at most, and the whole by that name', async t => {
  const told = async (schema: HandlerOptions['result'], value: unknown) => {
    const {visitor, log} = testSite(giving(schema, () => value));
    await visitor().get('/');
    return String(log[0]!.error);
  };
  const message = /\/0 \([^)]*\), \/1 \([^)]*\), \/2 \([^)]*\), \/3 \([^)]*\), \/4 \([^)]*\), and more\. /;
  t.regex(await told(z.array(z.string()), [1, 2, 3, 4, 5, 6]), message);
  t.regex(await told(z.string(), {}), /refuses: the whole \(/);
});

test('a schema of a result that fails is a 500 that names the method', async t => {
  const cause = new Error('odd');
  const schema = {'~standard': {version: 1, vendor: 'by hand', validate: () => Promise.reject(cause)}} as const;
  const {visitor, log} = testSite(giving(schema, () => 'text'));
  t.is((await visitor().get('/')).status, 500);
  const message = 'Page.give(): the schema of its result failed. [SCHEMA_FAILED]';
  t.like(log[0]!.error, {code: 'SCHEMA_FAILED', message, cause});
});
