import test from 'ava';
import {Child, Get, Resource, Use} from 'espalier';
import {compress, files, redirectTo} from 'espalier/builtin';
import {testSite} from 'espalier/testing';
import {setCommandLine} from '../../src/command-line.ts';

const mistakes = () => [files('nowhere'), redirectTo('://'), compress({treshold: 1} as never)];

test.serial('what is given wrongly is thrown where it is given', t => {
  t.throws(mistakes, {code: 'OPTION_INVALID', message: /nowhere/});
});

test.serial(
  'where refusals are collected each is told, and what stands in its place lets the program go on',
  async t => {
    const told: Error[] = [];
    t.teardown(() => setCommandLine({onRefusal: undefined} as never));
    setCommandLine({onRefusal: error => void told.push(error)});
    const [folder, way, middleware] = mistakes();
    t.is(told.length, 3);
    for (const [i, part] of [/nowhere/, /:\/\//, /Did you mean "threshold"\?/].entries())
      t.regex(told[i]!.message, part);

    @Resource()
    @Use(middleware as never)
    @Child('files', folder as never)
    @Child('way', way as never)
    class Home {
      @Get()
      show() {
        return 'home';
      }
    }
    t.is(await (await testSite(Home).visitor().get('/')).text(), 'home');
    t.is(told.length, 3);
  },
);

test.serial('what is no refusal of ours is thrown all the same', t => {
  t.teardown(() => setCommandLine({onRefusal: undefined} as never));
  setCommandLine({onRefusal: error => t.fail(error.message)});
  const failing = new Proxy({}, {ownKeys: () => 7 as never});
  t.throws(() => compress(failing), {instanceOf: TypeError});
});
