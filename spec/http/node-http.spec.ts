import {execFileSync} from 'node:child_process';
import test from 'ava';

test('a site is served without the HTTP client that comes with Node', t => {
  const program = `
    import {serve, Resource} from 'espalier';
    class Home {}
    Resource()(Home);
    const site = await serve(Home, {port: 0});
    await site.close();
    console.log(JSON.stringify(process.moduleLoadList.filter(name => /undici/.test(name))));`;
  const told = execFileSync(process.execPath, ['--input-type=module', '-e', program], {encoding: 'utf8'});
  t.is(told.trim().split('\n').at(-1), '[]');
});
