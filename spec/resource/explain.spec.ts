import test from 'ava';
import {
  Child,
  Get,
  Post,
  Query,
  Resource,
  Use,
  createSite,
  type Middleware,
  type Next,
  type Request,
  type Response,
} from 'espalier';
import {mount, Socket, virtualHosts} from 'espalier/builtin';
import {explain} from '../../src/resource/explain.ts';
import {inspectSite} from '../../src/site.ts';

/** The middleware that the last request has come through. */
const through: string[] = [];

function noting(name: string) {
  const type = class implements Middleware {
    handle(_request: Request, _response: Response, next: Next) {
      through.push(name);
      return next();
    }
  };
  Object.defineProperty(type, 'name', {value: name});
  return type;
}

const by = (response: Response, method: string) => response.setHeader('X-By', method);

@Resource()
class Slash {
  @Get() show(_request: Request, response: Response) {
    by(response, 'Slash.show()');
  }
}

@Resource({leaf: true})
@Use(noting('Lock'))
class Files {
  @Get() read({postpath}: Request, response: Response) {
    by(response, 'Files.read()');
    return postpath;
  }
}

@Resource()
@Child('', Slash)
@Child('files', Files)
class Person {
  @Get() show(_request: Request, response: Response) {
    by(response, 'Person.show()');
  }

  @Post({status: 201}) @Use(noting('Limit')) write(_request: Request, response: Response) {
    by(response, 'Person.write()');
  }

  @Child('friend', () => Person) friend() {
    return new Person();
  }
}

@Resource()
@Use(noting('SignedIn'), noting('Log'))
@Child('new', Slash)
@Child('nothing', () => Bare)
class People {
  @Query() ask(_request: Request, response: Response) {
    by(response, 'People.ask()');
  }

  @Child(':name', Person) async find() {
    return new Person();
  }
}

@Resource()
class Bare {}

@Resource()
class Talk {
  @Socket() talk() {}
  @Post() say(_request: Request, response: Response) {
    by(response, 'Talk.say()');
  }
}

@Resource()
@Child('people', People)
@Child('talk', Talk)
@Child('files', Files)
@Child('__proto__', Slash)
@Child('bare', Bare)
@Use(noting('Outer'))
class Home {
  @Get() show(_request: Request, response: Response) {
    by(response, 'Home.show()');
  }
}

/** Numbers that look drawn, the same ones each time: Park and Miller's. */
function* drawn(): Generator<number> {
  for (let seed = 7; ;) {
    seed = (seed * 48_271) % 2_147_483_647;
    yield seed / 2_147_483_647;
  }
}

// prettier-ignore
const segments = [
  'people', 'people', 'people', 'files', 'talk', 'bare', 'new', 'friend', 'nothing', 'ada', '__proto__', 'peopel',
  '', '', 'a%2Fb', 'pe%6Fple', 'caf%C3%A9', '%', '..', '%2e', '%00',
];
const methods = ['GET', 'GET', 'HEAD', 'POST', 'QUERY', 'OPTIONS', 'DELETE'];
const site = createSite(Home, {use: [noting('Site')], csrf: false});
const inspected = inspectSite(Home, {use: [noting('Site')]}).site!;

test('what is explained is what is answered: on hundreds of paths, with each method', async t => {
  const draw = drawn();
  const one = <T>(all: readonly T[]): T => all[Math.floor(draw.next().value! * all.length)]!;
  const statuses = new Set<number>();
  const paths = Array.from(
    {length: 2000},
    () => `/${Array.from({length: one([0, 1, 2, 3, 3, 4])}, () => one(segments)).join('/')}${one(['', '', '/'])}`,
  );
  for (const path of ['*', '/' + 'people/'.repeat(1100), ...paths]) {
    const method = one(methods);
    const url = `${path}${one(['', '?q=1'])}`;
    const explained = explain(inspected, method, url);
    through.length = 0;
    const answer = await site.handle({method, url, headers: {'content-type': 'text/plain'}});
    const told = {
      status: explained.answer.status,
      by: explained.answer.handler?.method,
      allow: explained.answer.headers?.['Allow'],
      location: explained.answer.headers?.['Location'],
      through: [
        ...explained.use,
        ...explained.steps.flatMap(step => step.middleware),
        ...(explained.answer.handler?.middleware ?? []),
      ].map(({name}) => name),
    };
    const status = answer.status === 204 ? 200 : answer.status;
    statuses.add(status);
    t.deepEqual(
      told,
      {
        status,
        by: answer.header('X-By'),
        allow: answer.header('Allow'),
        location: answer.header('Location'),
        through,
      },
      `${method} ${url.slice(0, 80)}`,
    );
  }
  t.deepEqual(
    [...statuses].toSorted((less, more) => less - more),
    [200, 201, 308, 400, 404, 405, 414, 426],
  );
});

test('it says what each segment was taken for, where the class is, and which method would make it', t => {
  const {steps} = explain(inspected, 'GET', '/people/new');
  t.deepEqual(
    steps.map(({segment, by: taken, over, resource}) => [segment, taken, over, resource]),
    [
      [undefined, undefined, undefined, 'Home'],
      ['people', '"people"', undefined, 'People'],
      ['new', '"new"', ':name', 'Slash'],
    ],
  );
  const [, , person] = explain(inspected, 'GET', '/people/a%2Fb').steps;
  t.like(person, {segment: 'a/b', by: ':name', resource: 'Person', madeBy: 'People.find()'});
  t.regex(person!.place!, /^spec\/resource\/explain\.spec\.ts:\d+$/);
});

test('where nothing takes a segment, it names what there is, and the nearest', t => {
  t.is(
    explain(inspected, 'GET', '/peopel').answer.reason,
    'Nothing takes "peopel": Home has no child for it. It has "bare", "__proto__", "files", "talk", "people". Did you mean "people"?',
  );
  t.is(explain(inspected, 'GET', '/bare/x').answer.reason, 'Nothing takes "x": Bare has no children.');
  t.is(explain(inspected, 'GET', '//people').answer.reason, 'A path has an empty segment at its end only.');
});

test('a leaf has the rest of the path', t => {
  t.deepEqual(explain(inspected, 'GET', '/files/a%2Fb/c').postpath, ['a/b', 'c']);
});

test('where hosts have trees of their own, the host of a URL says which one is walked', async t => {
  const Hosts = virtualHosts({'ada.example': Person, 'talk.example': Talk});
  const hosted = createSite(Hosts, {csrf: false});
  const seen = inspectSite(Hosts, {}).site!;
  for (const [host, path] of [
    ['ada.example', '/'],
    ['ada.example', '/friend/friend/'],
    ['ada.example', '/enemy'],
    ['talk.example', '/'],
    ['nowhere.example', '/'],
  ] as const) {
    const explained = explain(seen, 'GET', `http://${host}${path}`);
    const answer = await hosted.handle({url: path, headers: {host}});
    t.deepEqual(
      [explained.answer.status, explained.answer.handler?.method],
      [answer.status === 204 ? 200 : answer.status, answer.header('X-By')],
      `${host}${path}`,
    );
  }
  const [, step] = explain(seen, 'GET', 'http://ada.example/').steps;
  t.like(step, {by: 'the host ada.example', resource: 'Person'});
  t.regex(explain(seen, 'GET', '/').answer.reason, /^No host is named: give the whole URL\. /);
});

test('a method that stands for any verb answers as itself, and HEAD alone is answered as GET', t => {
  const Elsewhere = mount(() => new globalThis.Response('elsewhere'));
  const seen = inspectSite(Elsewhere, {}).site!;
  for (const method of ['GET', 'POST', 'DELETE']) {
    t.regex(explain(seen, method, '/a/b').answer.reason, /^Served\w*\S* answers\.$|answers\.$/);
    t.notRegex(explain(seen, method, '/a/b').answer.reason, /as the one for GET/);
  }
  t.regex(explain(inspected, 'HEAD', '/people/a').answer.reason, /as the one for GET, and its body is left out/);
});
