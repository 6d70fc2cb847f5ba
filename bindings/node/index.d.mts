import * as perdure from './index.js';

export * from './index.js';
export default perdure;
