/** Whether a test does all that it can, as `npm run test:nightly` asks for, or what shows its promise. */
export const isNightly = process.env.HDSYNC_NIGHTLY === '1'
