import {existsSync, globSync, readFileSync} from 'node:fs';
import test from 'ava';

const read = (file: string) => readFileSync(file, 'utf8');
const links = [...read('llms.txt').matchAll(/^- \[(.+)\]\((.+)\)$/gm)].map(([, title, file]) => ({title, file: file!}));

test('llms.txt lists every page of the documentation by its title, and every whole program, and nothing else', t => {
  const pages = globSync('docs/**/*.md');
  const programs = globSync(['examples/*.ts', 'examples/standard/*.ts']);
  t.deepEqual(links.map(({file}) => file).toSorted(), [...pages, ...programs].toSorted());
  for (const {title, file} of links.filter(link => link.file.endsWith('.md')))
    t.is(/^# (.+)$/m.exec(read(file))![1], title);
});

test('AGENTS.md and llms.txt are in the package, beside the pages and programs that they name', t => {
  const {files} = JSON.parse(read('package.json')) as {files: string[]};
  for (const file of ['AGENTS.md', 'llms.txt', 'docs', 'examples']) t.true(files.includes(file), file);
  for (const [, file] of read('AGENTS.md').matchAll(
    /`(?:node_modules\/espalier\/)?((?:docs|examples)\/[^`]*|llms\.txt)`/g,
  ))
    t.true(existsSync(file!), file);
});
