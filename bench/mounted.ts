// The site in a server that is none of its own, and that nothing was done to.
import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import {createSite} from '../src/index.ts';
import {options} from './equipment.ts';
import {Root} from './site.ts';

const site = createSite(Root, options);
const server = createServer(site.handler);
server.listen(Number(process.env['PORT']), '127.0.0.1', () => {
  console.log(`Listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
