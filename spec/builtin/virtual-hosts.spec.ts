import test from 'ava';
import {
  Child,
  ContainerModule,
  Get,
  Resource,
  Use,
  createError,
  createSite,
  inject,
  type Middleware,
  type Next,
  type Request,
} from 'espalier';
import {accessLog, files, mount, redirectTo, virtualHosts} from 'espalier/builtin';
import {testSite} from 'espalier/testing';

/** A resource that says this, with a child that says so too. */
function page(text: string) {
  @Resource()
  class Below {
    @Get()
    show(request: Request) {
      return `${text} at ${request.pattern}`;
    }
  }
  @Resource()
  @Child('below', Below)
  class Page {
    @Get()
    show() {
      return text;
    }
  }
  return Page;
}

const hosts = {'shop.example': page('shop'), '*.example': page('tenant'), '[::1]': page('six')};

function asked(Root: new () => object, options: Parameters<typeof testSite>[1] = {}) {
  const {site, log} = testSite(Root, options);
  const ask = async (host: string | undefined, url = '/', more: Record<string, string> = {}) => {
    const answer = await site.handle({url, headers: {...more, ...(host !== undefined && {host})}, ip: '127.0.0.1'});
    return answer.status === 200 ? answer.body : answer.status;
  };
  return {site, log, ask};
}

test('each host has a tree of its own, whatever the port; the root takes no segment of the path', async t => {
  const {ask} = asked(virtualHosts(hosts));
  t.is(await ask('shop.example'), 'shop');
  t.is(await ask('SHOP.example.:8080', '/below'), 'shop at /below');
  t.is(await ask('a.b.example', '/below'), 'tenant at /below');
  t.is(await ask('[::1]:80'), 'six');
});

test('two hosts that are asked for one path get each their own, in any order', async t => {
  const {ask} = asked(virtualHosts(hosts));
  for (const [host, text] of [
    ['shop.example', 'shop'],
    ['a.example', 'tenant'],
    ['shop.example', 'shop'],
    ['[::1]', 'six'],
  ] as const) {
    t.is(await ask(host, '/below'), `${text} at /below`);
  }
});

test('a host that is not there is a 421, a path that is not there a 404', async t => {
  const {ask, log} = asked(virtualHosts(hosts));
  t.is(await ask('other.test'), 421);
  t.is(await ask(undefined), 421);
  t.is(await ask('shop.example', '/nowhere'), 404);
  t.deepEqual(log, []);
});

test('the asterisk has what no other name has, and requests without a host', async t => {
  const {ask} = asked(virtualHosts({...hosts, '*': page('other')}));
  t.is(await ask('other.test:81', '/below'), 'other at /below');
  t.is(await ask(undefined), 'other');
});

test('who else names a host is not believed, a trusted proxy neither', async t => {
  const {ask} = asked(virtualHosts(hosts), {trustProxy: 'loopback'});
  t.is(await ask('a.example', '/', {'x-forwarded-host': 'shop.example', forwarded: 'host=shop.example'}), 'tenant');
});

test('hosts may stand below a segment, and hosts within hosts', async t => {
  @Resource()
  @Child('in', virtualHosts({'a.example': page('a'), '*.example': () => virtualHosts({'b.example': page('b')})}))
  class Home {
    @Get()
    show() {
      return 'home';
    }
  }
  const {ask} = asked(Home);
  t.is(await ask('a.example'), 'home');
  t.is(await ask('a.example', '/in'), 'a');
  t.is(await ask('a.example', '/in/below'), 'a at /in/below');
  t.is(await ask('b.example', '/in/below'), 'b at /in/below');
  t.is(await ask('c.example', '/in/below'), 421);
});

test('each host’s guards are its own, and come before anything below is looked up', async t => {
  class Guard implements Middleware {
    handle(): never {
      throw createError(403, 'No.');
    }
  }
  @Resource()
  @Use(Guard)
  class Closed extends page('closed') {}
  const {ask} = asked(virtualHosts({'open.example': page('open'), 'closed.example': Closed}));
  t.is(await ask('open.example'), 'open');
  t.is(await ask('closed.example'), 403);
  t.is(await ask('closed.example', '/nowhere'), 403);
});

test('a guard before all hosts stands before each', async t => {
  const seen: (string | undefined)[] = [];
  class Sees implements Middleware {
    handle(request: Request, _response: unknown, next: Next) {
      seen.push(request.host);
      return next();
    }
  }
  const {ask} = asked(virtualHosts(hosts), {use: [Sees]});
  await ask('shop.example');
  await ask('other.test');
  t.deepEqual(seen, ['shop.example', 'other.test']);
});

test('all classes are made when the site is built, with what they ask for', t => {
  class Service {}
  const made: string[] = [];
  @Resource()
  class Asking {
    constructor(@inject(Service) service: Service) {
      made.push(service.constructor.name);
    }
  }
  const Root = virtualHosts({'a.example': Asking});
  t.throws(() => createSite(Root), {
    code: 'DEPENDENCY_MISSING',
    message: /VirtualHosts → "a\.example" Asking → Service: nothing is bound to Service/,
  });
  createSite(Root, {modules: [new ContainerModule(({bind}) => void bind(Service).toSelf())]});
  t.deepEqual(made, ['Service']);
});

test('what is wrong is refused where it is written, or when the site is built', t => {
  t.throws(() => virtualHosts({'a.example': undefined as never}), {
    code: 'OPTION_INVALID',
    message: /"a\.example" is undefined/,
  });
  t.throws(() => virtualHosts({'a.example:80': page('a')}), {code: 'OPTION_INVALID', message: /is no name of a host/});
  class Unmarked {}
  t.throws(() => createSite(virtualHosts({'a.example': Unmarked})), {code: 'RESOURCE_UNMARKED'});
  const Round = virtualHosts({'a.example': () => Round});
  t.throws(() => createSite(Round), {code: 'RESOURCE_CYCLE'});
  @Resource()
  @Child('', page('x'))
  class Rooted {}
  t.throws(() => createSite(virtualHosts({'a.example': Rooted})), {code: 'CHILD_UNREACHABLE'});
});

test('what is put on a class that stands by hosts is refused when the site is built, for it would never be reached', t => {
  @Resource()
  @Child('below', page('x'))
  class WithChild extends virtualHosts(hosts) {}
  t.throws(() => createSite(WithChild), {
    code: 'CHILD_UNREACHABLE',
    message:
      'WithChild has a child "below", but no request can reach it: the classes that virtualHosts() was given answer instead. Put it on them. [CHILD_UNREACHABLE]',
  });
  @Resource()
  class Answering extends virtualHosts(hosts) {
    @Get()
    show() {
      return 'never';
    }
  }
  t.throws(() => createSite(Answering), {
    code: 'CHILD_UNREACHABLE',
    message: /^Answering has the method show\(\) that answers, but no request can reach it: /,
  });
  @Resource()
  class Bare extends virtualHosts(hosts) {}
  t.notThrows(() => createSite(Bare));
});

test('a child on what answers for all below it is refused: files(), mount(), redirectTo(), and any leaf', t => {
  @Resource({leaf: true})
  class Leaf {}
  for (const Base of [files('spec'), mount(() => new globalThis.Response()), redirectTo('/'), Leaf]) {
    @Resource()
    @Child('below', page('x'))
    class Under extends Base {}
    t.throws(() => createSite(Under), {
      code: 'CHILD_UNREACHABLE',
      message:
        'Under has a child "below", but no request can reach it: a leaf answers for all below it. Put the child beside it. [CHILD_UNREACHABLE]',
    });
    @Resource({leaf: false})
    class Open extends Under {}
    t.notThrows(() => createSite(Open));
  }
});

test('the tree as data has each host, and patterns are paths as ever', t => {
  const {site} = asked(virtualHosts(hosts));
  t.deepEqual(
    site.tree.children.map(({host, pattern, children}) => [host, pattern, children[0]!.host, children[0]!.pattern]),
    Object.keys(hosts).map(host => [host, '/', host, '/below']),
  );
});

test('what the access log hides is hidden below a host too, where a guard came before', async t => {
  class Guard implements Middleware {
    handle(): never {
      throw createError(403, 'No.');
    }
  }
  @Resource()
  class Token {}
  @Resource()
  @Use(Guard)
  class Reset {
    @Child(':token', Token)
    find() {
      return undefined;
    }
  }
  @Resource()
  @Child('reset', Reset)
  class Shop {}
  const {ask, log} = asked(virtualHosts({'shop.example': Shop, '*': page('other')}), {
    use: [accessLog({hide: ['token']})],
  });
  await ask('shop.example:80', '/reset/secret');
  t.regex(log[0]!.message, /"path":"\/reset\/:token"/);
  t.notRegex(log[0]!.message, /secret/);
});
