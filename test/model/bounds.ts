/** `LONG=1` checks the models with larger bounds, where they offer such. */
export const isLong: boolean = process.env['LONG'] === '1'
