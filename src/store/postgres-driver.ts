import type * as Pg from 'pg';
import {peer} from '../peer.ts';

/** The driver. */
export const pg = peer('pg', 'espalier/store/postgres') as typeof Pg;
