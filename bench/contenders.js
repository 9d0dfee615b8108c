// Who takes part, and how to start them.
import {spawnSync} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {fileURLToPath} from 'node:url';

const here = path => fileURLToPath(new URL(path, import.meta.url));

export const bare = {name: 'bare node:http', file: here('peers/bare.js'), packages: [], ours: true};
/** With what Espalier's own server does, so that nothing but Espalier is between the two. */
export const together = {...bare, name: 'bare, with the same sending', env: {TOGETHER: 'yes'}};
export const espalier = {name: 'Espalier', file: here('../dist/bench/served.js'), packages: [], ours: true};
export const mounted = {...espalier, name: 'Espalier in a bare server', file: here('../dist/bench/mounted.js')};

const peers = [
  {name: 'Fastify + @fastify/session', file: here('peers/fastify.js'), packages: ['fastify', '@fastify/session']},
  {name: 'Express + express-session', file: here('peers/express.js'), packages: ['express', 'express-session']},
  {name: 'Nest on Fastify', file: here('peers/nest-fastify.js'), packages: ['@nestjs/core', '@fastify/session']},
  {name: 'Nest on Express', file: here('peers/nest-express.js'), packages: ['@nestjs/core', 'express-session']},
  {name: 'Hono + hono-sessions', file: here('peers/hono.js'), packages: ['hono', '@hono/node-server', 'hono-sessions']},
  {name: 'Koa + koa-session', file: here('peers/koa.js'), packages: ['koa', 'koa-session']},
  {
    name: '@inversifyjs/http-fastify',
    file: here('peers/inversify.js'),
    packages: ['@inversifyjs/http-fastify', '@fastify/session'],
  },
  {name: 'Twisted', file: here('peers/twisted-site.py'), packages: [], python: '/usr/bin/python3'},
];

/** Everyone who takes part, here or elsewhere. */
export const everyone = [bare, together, espalier, mounted, ...peers];

/** Everyone who can take part here. */
export const contenders = everyone.filter(({python}) => !python || hasTwisted(python));

function hasTwisted(python) {
  return spawnSync(python, ['-c', 'import twisted.web']).status === 0;
}

/** The command of a contender, with this Node where it needs one. */
export const commandOf = ({file, python}, node) => [python ?? node, [file]];

/** The versions of what contenders consist of, each once. */
export const versionsOf = some => [...new Set(some.flatMap(versionsOfOne))];

function versionsOfOne({packages, python}) {
  if (python) {
    const {stdout} = spawnSync(python, ['-c', 'import twisted; print(twisted.__version__)'], {encoding: 'utf8'});
    return [`Twisted ${stdout.trim()}`];
  }
  return packages.map(name => `${name} ${versionOf(here(`node_modules/${name}/package.json`))}`);
}

const versionOf = file => JSON.parse(readFileSync(file, 'utf8')).version;
