// For the workload `equipped`: whose pages may ask, and where log lines go.

/** Whether this process is to have CORS, security headers, an access log and a check for forged requests. */
export const isEquipped = process.env.EQUIPPED !== undefined;

/** The application's own pages: on another host of the same site. */
export const origin = 'https://app.shop.example';

/** Where all that is logged goes. */
export const nowhere = {write() {}};
