// One workload for several servers, in rounds: A B C A B C …
import {commandOf} from './contenders.js';
import {load} from './load.js';
import {cpuTime, median, pin, start} from './process.js';

/**
 * Starts every contender, sees that it answers right, warms it up, pins it to its core, and times it in turn with the others.
 * Gives for each the medians of its rounds, and the ratio of the first one's CPU time to its own in each round. Of the contenders
 * that are `ours` there are several processes: one can be a tenth faster than another of the same program, by where its memory lies.
 */
export async function race(contenders, workload, {node, warmUp, processes, rounds, seconds, env}) {
  const servers = [];
  try {
    for (const contender of contenders.flatMap(each => Array(each.ours ? processes : 1).fill(each))) {
      servers.push(await ready(contender, workload, {node, warmUp, env}));
    }
    for (let i = 0; i < rounds; i += 1) for (const server of servers) server.rounds.push(await time(server, seconds));
  } finally {
    await Promise.all(servers.map(server => server.stop()));
  }
  const byName = name => servers.filter(server => server.name === name);
  const bases = Array.from({length: rounds}, (_, i) =>
    mean(byName(contenders[0].name).map(server => server.rounds[i].cpu)),
  );
  return contenders.map(({name}) => figures(name, byName(name), bases));
}

const mean = values => values.reduce((sum, value) => sum + value, 0) / values.length;

async function ready(contender, workload, {node, warmUp, env}) {
  const started = await start(...commandOf(contender, node), {...env, ...contender.env, ...workload.env});
  const server = {...workload, path: contender.path ?? workload.path, ...started, name: contender.name, rounds: []};
  try {
    if (workload.visitors) server.visitors = await visitorsOf(server, workload);
    await check(server);
    await load({...server, seconds: warmUp, pinned: false});
    await check(server);
    pin(server.child);
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** What so many visitors send with each request, whose sessions are begun for it. */
async function visitorsOf({url}, {visitors: count, begin: [method, path] = ['GET', '/'], tokens}) {
  const begin = async () => {
    const {headers} = await fetch(url + path, {method});
    // Some send a signature in a second cookie.
    const cookies = headers.getSetCookie().map(each => each.split(';')[0]);
    const visitor = {cookie: cookies.join('; ')};
    return tokens ? {...visitor, ...(await tokenOf(url, visitor))} : visitor;
  };
  const visitors = [];
  while (visitors.length < count) {
    const some = Math.min(50, count - visitors.length);
    visitors.push(...(await Promise.all(Array.from({length: some}, begin))));
  }
  return visitors;
}

/** The token against forged requests, of those that give one. */
async function tokenOf(url, visitor) {
  const response = await fetch(`${url}/token`, {headers: visitor});
  const text = await response.text();
  return response.ok ? {'x-csrf-token': text} : {};
}

async function check(server) {
  if (!(await server.check(server))) throw new Error(`${server.name} answers ${server.path} wrong.`);
}

/** Times a server that has answered for a second before, since others had the core. */
async function time(server, seconds) {
  await load({...server, seconds: 1});
  const before = cpuTime(server);
  const {answered, seconds: lasted, p50, p99} = await load({...server, seconds});
  return {perSecond: answered / lasted, cpu: (cpuTime(server) - before) / answered, p50, p99};
}

function figures(name, servers, bases) {
  const rounds = servers.flatMap(server => server.rounds);
  const of = key => median(rounds.map(round => round[key]));
  const ratios = servers
    .flatMap(server => server.rounds.map((round, i) => bases[i] / round.cpu))
    .toSorted((a, b) => a - b);
  const quarter = Math.floor(ratios.length / 4);
  return {
    name,
    ratio: median(ratios),
    from: ratios[quarter],
    to: ratios.at(-1 - quarter),
    cpu: of('cpu'),
    perSecond: of('perSecond'),
    p50: of('p50'),
    p99: of('p99'),
  };
}
