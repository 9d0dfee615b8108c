import {execFileSync} from 'node:child_process';
import test from 'ava';
import type * as Cookie from 'cookie';
import {onDemand} from '../src/on-demand.ts';

test('a package on demand is loaded once, when it is called for', t => {
  const cookie = onDemand('cookie') as () => typeof Cookie;
  t.is(typeof cookie().parseCookie, 'function');
  t.is(cookie(), cookie());
});

test('a site that only greets loads neither devalue nor negotiator', t => {
  const program = `
    import {registerHooks} from 'node:module';
    const loaded = [];
    registerHooks({load: (url, context, next) => (loaded.push(url), next(url, context))});
    const {createSite, Get, Resource} = await import('espalier');
    class Home {
      greet() { return 'Hello'; }
    }
    Get()(Home.prototype, 'greet', Object.getOwnPropertyDescriptor(Home.prototype, 'greet'));
    Resource()(Home);
    const site = createSite(Home);
    const answer = await site.fetch(new Request('http://localhost/'));
    console.log(await answer.text(), loaded.filter(url => /node_modules\\/(?:devalue|negotiator)\\//.test(url)).length);`;
  const told = execFileSync(process.execPath, ['--input-type=module', '-e', program], {encoding: 'utf8'});
  t.is(told, 'Hello 0\n');
});
