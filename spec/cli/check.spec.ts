import test from 'ava';
import {espalier, project} from './project.ts';
import {shop} from './shop.ts';

test('where nothing is wrong, check says so and counts, and makes nothing', async t => {
  const folder = project(t, {'shop.ts': shop});
  t.deepEqual(await espalier(['check', 'shop.ts'], folder), {
    code: 0,
    stdout: 'Nothing is wrong: 5 resources, 6 handlers.\n',
    stderr: '',
  });
});

/** Each line that has a number is refused for a reason of its own. */
const wrong = `
import {Child, Container, ContainerModule, Get, Resource, SessionStore, Use, inject, injectable, serve} from 'espalier';
class Mailer {}
@injectable() class Mid { constructor(@inject('cfg') readonly cfg: string, @inject(Mailer) readonly mailer: Mailer) {} }
@injectable() class Doubled { constructor(@inject('twice') readonly twice: string) {} }
class Bare {}
@injectable() class ErrorPages { constructor(@inject('words') readonly words: string) {} handle() {} }
@Resource() class Loop {}
Child('loop', () => Loop)(Loop);
@Resource() @Child('gone', () => undefined as never) class Page {
  constructor(@inject(Mid) readonly mid: Mid) {}
  @Get() show() { return 'page'; }
  @Get() again() { return 'page'; }
}
@Resource() class Twice { constructor(@inject(Doubled) readonly doubled: Doubled) {} }
@Resource() class Unsure { constructor(readonly what: string) {} }
@Resource()
@Child('bare', Bare) @Child('', Page) @Child('page', Page) @Child('loop', Loop) @Child('twice', Twice) @Child('unsure', Unsure)
class Shop {
  @Get() show() { return 'shop'; }
  @Use(class X { handle() {} }) other() {}
}
await serve(Shop, {
  use: [Bare], onError: ErrorPages, prot: 1, port: 'x', sessions: {idelTimeout: 3, cookie: {prefix: 1}}, csrf: {trust: 1},
  modules: [new ContainerModule(({bind}) => {
    bind(Mid).toSelf();
    bind(Doubled).toSelf();
    bind('twice').toConstantValue(1);
    bind('twice').toConstantValue(2);
    bind(SessionStore).toDynamicValue(async () => { throw new Error('A store was made.'); });
  })],
} as never);
`;

test('all that boot would refuse is told at once, each in the words of boot, with code 1', async t => {
  const folder = project(t, {'shop.ts': wrong});
  const {code, stdout} = await espalier(['check', 'shop.ts'], folder);
  t.is(code, 1);
  const lines = stdout.split('\n✗ ').map(line => line.replace(/^✗ /, ''));
  const expected = [
    /^Page has two methods for GET: again\(\) and show\(\)|^Page has two methods for GET: show\(\) and again\(\)/,
    /^serve\(\) has no option "prot"\. Did you mean "port"\? \[OPTION_INVALID\]$/,
    /^serve\(\) has no option "sessions\.idelTimeout"\. Did you mean "sessions\.idleTimeout"\?/,
    /^serve\(\) has no option "sessions\.cookie\.prefix"\./,
    /^serve\(\) has no option "csrf\.trust"\./,
    /^serve\(\): port is "x"\. It must be a whole number from 0 to 65535\./,
    /^espalier\.SessionStore is bound to a promise\./,
    /^createSite\(\{use\}\) was given a function\..*\[MIDDLEWARE_INVALID\]$/,
    /^Shop\.other\(\) has @Use\(\), but answers no verb\./,
    /^Shop → "unsure" Unsure: Unsure has a constructor parameter without @inject\(Token\)\. \[DEPENDENCY_FAILED\]$/,
    /^Shop → "twice" Twice → .*[Aa]mbiguous|^Shop → "twice" Twice: .*[Aa]mbiguous/,
    /^Shop → "loop" Loop → "loop" Loop: this class is above itself already/,
    /^Shop → "page" Page → Mid → cfg: nothing is bound to cfg\./,
    /^Shop → "page" Page → Mid → Mailer: nothing is bound to Mailer\./,
    /^The class of the child "gone" of Page is undefined\./,
    /^Shop → "bare" Bare: Bare is in the tree but has no @Resource\(\)\./,
    /^Shop is the root and has a child "": no request can reach it/,
    /^onError → ErrorPages → words: nothing is bound to words\./,
  ];
  for (const pattern of expected)
    t.true(
      lines.some(line => pattern.test(line)),
      `${pattern}\n${stdout}`,
    );
  t.regex(stdout, new RegExp(`\n${expected.length} things are refused\\.\n$`));
});

test('--json gives the refusals and the warnings as data', async t => {
  const program = `
    import {Resource} from 'espalier';
    class Shop {}
    export default Shop;`;
  const {code, stdout} = await espalier(['check', 'shop.js', '--json'], project(t, {'shop.js': program}));
  t.is(code, 1);
  t.deepEqual(JSON.parse(stdout), {
    refusals: ['Shop: Shop is in the tree but has no @Resource(). Add it above the class. [RESOURCE_UNMARKED]'],
    warnings: [],
  });
});

test('what would be warned of is told, and is no reason to refuse', async t => {
  const program = `
    import {Get, Resource, Use} from 'espalier';
    import {cors} from 'espalier/builtin';
    class Guard { handle(request, response, next) { return next(); } }
    export default class Shop { show() { return ''; } }
    Get()(Shop.prototype, 'show', {});
    Use(Guard, cors({origins: ['https://a.example']}))(Shop);
    Resource()(Shop);`;
  const {code, stdout} = await espalier(['check', 'shop.js'], project(t, {'shop.js': program}));
  t.is(code, 0);
  t.regex(
    stdout,
    /^! cors\(\) of Shop stands below Guard: .*\nNothing is wrong: 1 resource, 1 handler, 1 warning\.\n$/s,
  );
});

test('what is refused in a decorator is told alone, without what would follow from it', async t => {
  const program = `
    import {Child, Get, Resource, Use} from 'espalier';
    export default class Shop { show() { return ''; } }
    Get('/path')(Shop.prototype, 'show', {});
    Use(() => undefined)(Shop);
    Child('a/b', Shop)(Shop);
    Resource()(Shop);`;
  const {stdout} = await espalier(['check', 'shop.js'], project(t, {'shop.js': program}));
  t.deepEqual(
    stdout.match(/\[\w+\]$/gm),
    ['[DECORATOR_MISPLACED]', '[MIDDLEWARE_INVALID]', '[CHILD_SEGMENT_INVALID]'],
    stdout,
  );
});

test('all that ready-made resources and middleware refuse is told at once, with the rest', async t => {
  const text = `import {Child, Get, Resource, Use} from 'espalier';
import {compress, files, redirectTo, virtualHosts} from 'espalier/builtin';
@Resource() @Child('a', files('nowhere')) @Child('b', redirectTo('://')) @Use(compress({treshold: 1} as never))
class Shop { @Get() show() {} @Get() again() {} }
export default virtualHosts({'a:80': Shop, '*': Shop});`;
  const {code, stdout} = await espalier(['check', 'shop.ts'], project(t, {'shop.ts': text}));
  t.is(code, 1);
  for (const part of [
    /^✗ files\(\).*nowhere/m,
    /^✗ redirectTo\(\)/m,
    /Did you mean "threshold"/,
    /^✗ virtualHosts\(\).*"a:80"/m,
  ])
    t.regex(stdout, part);
  t.regex(stdout, /^[45] things are refused/m);
});
