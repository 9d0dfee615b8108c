import {setTimeout as sleep} from 'node:timers/promises';

const parallel = 20;
const rounds = 3;
/** For how long a slow request waits between its look at the session and its end, and when the other one begins. */
const slow = 300;
const headStart = 100;

/** Somebody with one cookie jar, whose requests go to the processes of a contestant in turn. */
class Visitor {
  cookies = new Map();
  #contestant;

  constructor(contestant) {
    this.#contestant = contestant;
  }

  /** Makes a request with the cookies there are now. Only `login` takes new ones, so that an old one can be shown again. */
  async request(method, path) {
    const cookie = [...this.cookies].map(pair => pair.join('=')).join('; ');
    const headers = {'X-Forwarded-Proto': 'https', ...(cookie && {cookie})};
    const response = await fetch(`http://127.0.0.1:${this.#contestant.nextPort()}${path}`, {method, headers});
    return {status: response.status, headers: response.headers, text: await response.text()};
  }

  async login() {
    const response = await this.post('/login');
    for (const cookie of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
      this.cookies.set(name, value);
    }
    return response;
  }

  /** Makes a request that must go well: what is lost here, is lost without a word. */
  async succeed(method, path) {
    const response = await this.request(method, path);
    if (response.status !== 200) throw new Error(`${method} ${path} is answered ${response.status}: ${response.text}`);
    return response;
  }

  async post(path) {
    return this.succeed('POST', path);
  }

  async read() {
    return JSON.parse((await this.succeed('GET', '/read?ms=0')).text);
  }
}

async function loggedIn(contestant) {
  const visitor = new Visitor(contestant);
  await visitor.login();
  const {user} = await visitor.read();
  if (user !== 'ann') throw new Error('Nobody can log in.');
  return visitor;
}

const atOnce = action => Promise.all(Array.from({length: parallel}, (_, index) => action(index)));

const since = (before, after) => Object.fromEntries(Object.keys(after).map(name => [name, after[name] - before[name]]));
const yesOrNo = condition => (condition ? 'yes' : 'no');
const range = figures => [...new Set([Math.min(...figures), Math.max(...figures)])].join('–');

/** Does `action` while a slow request is under way; begins anew with another visitor if a busy machine was too late for that. */
async function duringSlow(contestant, [method, path], action) {
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const visitor = await loggedIn(contestant);
    let isOver = false;
    const end = visitor.request(method, path).finally(() => (isOver = true));
    await sleep(headStart);
    await action(visitor);
    const wasMeanwhile = !isOver;
    await end;
    if (wasMeanwhile) return visitor.read();
  }
  throw new Error('This machine is too busy for the probe.');
}

const slowRead = ['GET', `/read?ms=${slow}`];
const slowWrite = ['POST', `/put?ms=${slow}&key=key`];

async function logout(visitor) {
  await visitor.post('/logout');
  if ((await visitor.read()).user) throw new Error('Nobody can log out.');
}

const isZombie = async (contestant, slowRequest) =>
  (await duringSlow(contestant, slowRequest, logout)).user !== undefined;

async function survivesSlowRead(contestant) {
  const found = await duringSlow(contestant, slowRead, visitor => visitor.post('/put?ms=0&key=key'));
  return 'key' in found;
}

async function anonymousRequest(contestant) {
  const visitor = new Visitor(contestant);
  const before = await contestant.calls();
  const {headers} = await visitor.request('GET', '/read?ms=0');
  const {writes} = since(before, await contestant.calls());
  return `${yesOrNo(headers.getSetCookie().length > 0)} / ${writes}`;
}

async function tenReads(contestant) {
  const visitor = await loggedIn(contestant);
  const before = await contestant.calls();
  for (let i = 0; i < 10; i += 1) await visitor.read();
  const {reads, writes, touches} = since(before, await contestant.calls());
  return `${reads}/${writes}/${touches}`;
}

async function disjointKeys(contestant) {
  const visitor = await loggedIn(contestant);
  await atOnce(index => visitor.post(`/put?ms=0&key=key${index}`));
  return Object.keys(await visitor.read()).filter(key => key.startsWith('key')).length;
}

async function counter(contestant) {
  const visitor = await loggedIn(contestant);
  await atOnce(() => visitor.post('/inc'));
  return (await visitor.read()).count;
}

/** What the session's cookie carries besides its value and its end. */
async function flags(contestant) {
  const [cookie] = (await new Visitor(contestant).login()).headers.getSetCookie();
  const [, ...attributes] = cookie.split(/; */);
  return attributes.filter(attribute => !/^(?:expires|max-age)=/i.test(attribute)).join(', ') || 'none';
}

async function cacheHeaders(contestant) {
  const {headers} = await (await loggedIn(contestant)).request('GET', '/read?ms=0');
  return ['cache-control', 'vary'].map(name => headers.get(name) ?? '–').join(' / ');
}

async function repeated(count, measure) {
  const figures = [];
  for (let i = 0; i < count; i += 1) figures.push(await measure());
  return figures;
}

/** Everything there is to know of a contestant: a row of the table, and whether it has lost nothing and revived nobody. */
export async function probe(contestant) {
  const disjoint = await repeated(rounds, () => disjointKeys(contestant));
  const counts = await repeated(rounds, () => counter(contestant));
  const survives = await survivesSlowRead(contestant);
  const zombies = [await isZombie(contestant, slowRead), await isZombie(contestant, slowWrite)];
  return {
    isSound: [...disjoint, ...counts].every(figure => figure === parallel) && survives && !zombies.includes(true),
    row: {
      'anonymous request: cookie / store writes': await anonymousRequest(contestant),
      '10 read-only requests: get/set/touch': await tenReads(contestant),
      [`disjoint /${parallel}`]: range(disjoint),
      [`counter /${parallel}`]: range(counts),
      'write survives a slow read': yesOrNo(survives),
      'zombie by reader / by writer': zombies.map(yesOrNo).join(' / '),
      'Set-Cookie by default': await flags(contestant),
      'Cache-Control / Vary': await cacheHeaders(contestant),
    },
  };
}
