// What the contenders are asked to do. `cookies` is how many sessions are begun before, whose cookies are sent in turn. `bar`
// and `aim` are for Espalier: the CPU time that bare node:http takes, or with `flat` its own flat route, as a part of its.

/** The text of an answer of success. */
async function textOf(url, init) {
  const response = await fetch(url, init);
  if (response.status !== 200) throw new Error(`${url} is answered with ${response.status}.`);
  return response.text();
}

const withCookie = ({url, cookies}, path) => textOf(url + path, {headers: {cookie: cookies[0]}});

const pong = {path: '/ping', check: async ({url}) => (await textOf(`${url}/ping`)) === 'pong'};

const order = JSON.stringify({
  number: 4711,
  customer: {name: 'Ada Lovelace', street: '12 St James’s Square', town: 'London'},
  lines: [
    {sku: 'KETTLE-2', count: 1, price: 42.5},
    {sku: 'CUP-7', count: 6, price: 4.25},
  ],
});

export const workloads = {
  untouched: {title: 'no session touched, no cookie', ...pong, bar: 0.92, aim: 1},
  'untouched-cookie': {title: 'no session touched, a cookie', ...pong, cookies: 1, bar: 0.92, aim: 1},
  established: {
    title: 'established session read',
    path: '/',
    cookies: 1000,
    check: async server => {
      const [first, second] = [await withCookie(server, '/'), await withCookie(server, '/')];
      return first === second && first.startsWith('Your session id is: ');
    },
    bar: 0.85,
    aim: 0.95,
  },
  begun: {
    title: 'session begun',
    path: '/',
    check: async ({url}) => (await textOf(url)) !== (await textOf(url)),
    bar: 0.77,
    aim: 0.9,
  },
  updated: {
    title: 'component updated',
    path: '/count',
    cookies: 1000,
    check: async server =>
      Number(await withCookie(server, '/count')) + 1 === Number(await withCookie(server, '/count')),
    bar: 0.77,
    aim: 0.9,
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
      const headers = {'content-type': 'application/json'};
      const taken = JSON.parse(await textOf(`${url}/order`, {method: 'POST', headers, body: order}));
      return taken.state === 'taken' && taken.lines.length === 2;
    },
    isOurs: true,
  },
  file: {
    title: 'file of 1 MiB',
    path: '/file',
    check: async ({url}) => (await textOf(`${url}/file`)).length === 2 ** 20,
    isOurs: true,
  },
};
