export {Client, type ClientInit} from './client.ts';
export {storeContract, type StoreCase, type StoreContractOptions} from './store-contract.ts';
export type {StoreFixture} from './store-contract/world.ts';
export {TestClock} from './test-clock.ts';
export type {SocketEnd, SocketInit, SocketMessage, TestSocket} from './test-socket.ts';
export {testSite, type TestSiteOptions, type LogLine, type TestSite} from './test-site.ts';
