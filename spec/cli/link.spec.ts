import test from 'ava';
import {answers, Running} from './running.ts';
import {project} from './project.ts';

const home = (serve: string) => `
import {Get, Resource, createSite, serve} from 'espalier';
class Home { show() { return 'home'; } }
Get()(Home.prototype, 'show', {});
Resource()(Home);
${serve}`;

test('a program that listens by itself is run too, and one whose port is taken is told so', async t => {
  const folder = project(
    t,
    {'own.js': home(`console.log(await createSite(Home).listen({port: 0, host: '127.0.0.1'}));`)},
    [],
  );
  const own = new Running(t, ['serve', 'own.js'], folder);
  const url = await own.url();
  t.is(await (await fetch(url)).text(), 'home');
  const taken = new Running(t, ['serve', 'own.js', '--port', new URL(url).port], folder);
  t.is(await taken.ended(), 1);
  t.regex(taken.output, /Port \d+ of 127\.0\.0\.1 is taken\. .* another port \(--port 8081\)\. \[PORT_TAKEN\]/);
});

test('two sites of a program have a port each, and a program ends when its sites are closed', async t => {
  const program = home(`
    const sites = [await serve(Home, {port: 0}), await serve(Home, {port: 0, host: '127.0.0.1'})];
    process.on('SIGUSR2', () => { for (const site of sites) void site.close(); });
    console.log('pid', process.pid);`);
  const dev = new Running(t, ['dev', 'two.js'], project(t, {'two.js': program}, []));
  const pid = Number(await dev.prints(/pid (\d+)/));
  const urls = [...dev.output.matchAll(/Listening on (\S+) after/g)].map(match => match[1]!);
  t.is(new Set(urls).size, 2);
  for (const url of urls) t.is(await answers(url, /home/), 'home');
  process.kill(pid, 'SIGUSR2');
  await dev.prints(/The program ended with exit code 0\./);
});
