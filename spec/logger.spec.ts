import test from 'ava';
import {ContainerModule, Get, Logger, Resource, createSite} from 'espalier';

@Resource()
class Broken {
  @Get()
  show() {
    throw new Error('the reason');
  }
}

test('a site logs to the logger that is bound', async t => {
  const lines: unknown[][] = [];
  const logger: Logger = {error: (...line) => lines.push(line), warn: () => t.fail()};
  const modules = [
    new ContainerModule(({bind}) => {
      bind(Logger).toConstantValue(logger);
    }),
  ];
  await createSite(Broken, {modules}).handle({url: '/'});
  t.is(lines.length, 1);
  t.regex(String(lines[0]![0]), /^GET \/ failed: urn:uuid:[\da-f-]{36}$/);
  t.is(String(lines[0]![1]), 'Error: the reason');
});
