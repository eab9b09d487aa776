import { ProductRegion, missingForRegion } from '#test/support/product-region.ts';
console.log(missingForRegion());
const r = await ProductRegion.prepare({ host: {cores: 8, memoryMib: 32768}, array: {capacityGib: 400, pools: [{storageClass: 'standard', sizeGib: 300}, {storageClass:'enterprise', sizeGib: 100}]}});
console.log(r.dir);
await r.takeImage('micro'); await r.takeImage('debian-12');
const t0=Date.now();
try { const s = await r.up(); console.log(JSON.stringify(s)); } catch (e) { console.log(String(e)); console.log(r.logTails()); }
console.log('up', Date.now()-t0);
