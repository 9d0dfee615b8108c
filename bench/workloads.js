// What the contenders are asked to do. `visitors` is how many sessions are begun before, by a request as `begin` says; their cookies
// are sent in turn. `bar` and `aim` are for Espalier: the CPU time that bare node:http takes, or with `flat` its own flat route, as
// a part of its. `lead` says the same of the fastest peer: 2 is half of that one's time.

/** The text of an answer of success. */
async function textOf(url, init) {
  const response = await fetch(url, init);
  if (response.status !== 200) throw new Error(`${url} is answered with ${response.status}.`);
  return response.text();
}

const asVisitor = ({url, visitors}, path) => textOf(url + path, {headers: visitors[0]});

const statusOf = async (url, init) => (await fetch(url, init)).status;

const pong = {path: '/ping', check: async ({url}) => (await textOf(`${url}/ping`)) === 'pong'};

const order = JSON.stringify({
  number: 4711,
  customer: {name: 'Ada Lovelace', street: '12 St James’s Square', town: 'London'},
  lines: [
    {sku: 'KETTLE-2', count: 1, price: 42.5},
    {sku: 'CUP-7', count: 6, price: 4.25},
  ],
});

const json = {'content-type': 'application/json'};
const appOrigin = 'https://app.shop.example';

/** Headers that only equipment sends: of browsers' protection, and for pages of another origin. */
const equipmentHeaders = {
  'x-content-type-options': 'nosniff',
  'access-control-allow-origin': appOrigin,
  'access-control-allow-credentials': 'true',
};

export const workloads = {
  untouched: {title: 'no session touched, no cookie', ...pong, bar: 0.9, aim: 0.97},
  'untouched-cookie': {title: 'no session touched, a cookie', ...pong, visitors: 1, bar: 0.9, aim: 0.97},
  established: {
    title: 'established session read',
    path: '/',
    visitors: 1000,
    check: async server => {
      const [first, second] = [await asVisitor(server, '/'), await asVisitor(server, '/')];
      return first === second && first.startsWith('Your session id is: ');
    },
    bar: 0.84,
    aim: 0.92,
    lead: {bar: 2.2, aim: 3},
  },
  begun: {
    title: 'session begun',
    path: '/',
    check: async ({url}) => (await textOf(url)) !== (await textOf(url)),
    bar: 0.8,
    aim: 0.9,
  },
  updated: {
    title: 'component updated',
    path: '/count',
    visitors: 1000,
    check: async server => Number(await asVisitor(server, '/count')) + 1 === Number(await asVisitor(server, '/count')),
    bar: 0.72,
    aim: 0.88,
  },
  guarded: {
    title: 'a guard, signed in',
    path: '/members/page',
    visitors: 1000,
    begin: ['POST', '/sign-in'],
    check: async server =>
      (await asVisitor(server, '/members/page')) === 'for members' &&
      (await statusOf(`${server.url}/members/page`)) === 401 &&
      (await statusOf(`${server.url}/ping`)) === 200,
    lead: {bar: 1.6, aim: 2},
  },
  validated: {
    title: 'JSON validated by zod',
    method: 'POST',
    path: '/validated',
    body: order,
    check: async ({url}) => {
      const taken = JSON.parse(await textOf(`${url}/validated`, {method: 'POST', headers: json, body: order}));
      const wrong = JSON.stringify({...JSON.parse(order), number: 'four'});
      const refused = await statusOf(`${url}/validated`, {method: 'POST', headers: json, body: wrong});
      return taken.state === 'taken' && taken.lines.length === 2 && (refused === 400 || refused === 422);
    },
    lead: {bar: 1},
    /** zod is JavaScript's. */
    onNode: true,
  },
  equipped: {
    title: 'CORS, headers, log and CSRF',
    method: 'POST',
    path: '/',
    headers: {origin: appOrigin, 'sec-fetch-site': 'same-site'},
    visitors: 1000,
    tokens: true,
    env: {EQUIPPED: 'yes'},
    check: async ({url, headers, visitors: [visitor]}) => {
      const init = {method: 'POST', headers: {...headers, ...visitor}};
      const response = await fetch(url, init);
      const text = await response.text();
      const forged = {cookie: visitor.cookie, origin: 'https://evil.example', 'sec-fetch-site': 'cross-site'};
      return (
        text.startsWith('Your session id is: ') &&
        text === (await textOf(url, init)) &&
        Object.entries(equipmentHeaders).every(([name, value]) => response.headers.get(name) === value) &&
        (await statusOf(url, {method: 'POST', headers: forged})) === 403
      );
    },
    lead: {bar: 1},
    onNode: true,
  },
  deep: {
    title: 'walk of 8 levels, 2 captures',
    path: '/shops/town/corner/stock/items/tea%20pot/print/label',
    check: async ({url, path}) => (await textOf(url + path)) === 'corner tea pot',
    /** Espalier has the same at a path of one segment. */
    flat: '/flat',
    bar: 0.9,
    aim: 0.97,
    isOurs: true,
  },
  wide: {
    title: '10,000 children of one resource',
    path: '/pages/page-9876',
    check: async ({url, path}) => (await textOf(url + path)) === 'page-9876',
    isOurs: true,
  },
  json: {
    title: 'JSON in and out',
    method: 'POST',
    path: '/order',
    body: order,
    check: async ({url}) => {
      const taken = JSON.parse(await textOf(`${url}/order`, {method: 'POST', headers: json, body: order}));
      return taken.state === 'taken' && taken.lines.length === 2;
    },
    isOurs: true,
  },
  file: {
    title: 'file of 1 MiB',
    path: '/files/large.txt',
    check: async ({url}) => (await textOf(`${url}/files/large.txt`)).length === 2 ** 20,
    bar: 0.95,
    aim: 1,
    isOurs: true,
  },
  'small-file': {
    title: 'file of 1 KiB',
    path: '/files/small.txt',
    check: async ({url}) => (await textOf(`${url}/files/small.txt`)).length === 2 ** 10,
    bar: 0.85,
    aim: 0.95,
    isOurs: true,
  },
};
