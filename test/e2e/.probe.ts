import { Api, machineRequest } from '#test/support/api.ts';
import { login, tokensOf } from '#test/support/region-tokens.ts';
import { readFileSync } from 'node:fs';
const S='/tmp/bst-e2e-Ddy0dV/s';
const st=JSON.parse(readFileSync(S+'/state.json','utf8')); const sec=JSON.parse(readFileSync(S+'/secrets/seed.json','utf8'));
const url='http://127.0.0.1:'+st.controlPlanes[0].plainPort;
const api=new Api(url, await login(url, tokensOf(sec)[0]));
const b64=(s:string)=>Buffer.from(s).toString('base64');
const t0=Date.now();
const script=`#!/bin/sh
echo "system $(cat /sys/block/vda/size)"
ls /sys/block
ip addr show eth0
while :; do for d in /sys/block/vd*; do echo "$d $(cat $d/size)"; done; usleep 3000000; done
`;
const req={...await machineRequest(api,{name:'p'+t0}), cloudInit:{cloudConfig:b64(script)}};
const id=await api.done('POST','/vm_instances/v1/virtual_machines',req);
console.log('created',Date.now()-t0,id);
const vm=await api.get('/vm_instances/v1/virtual_machines/'+id); console.log(vm);
for(let i=0;i<60;i++){ const g=await api.get<any>(`/vm_instances/v1/virtual_machines/${id}/guest`); const s=await api.call('GET',`/vm_instances/v1/virtual_machines/${id}/serial`); console.log(Date.now()-t0,g.toolsState,JSON.stringify(g.addresses), String(s.body).length, s.headers.get('content-type')); if(String(s.body).includes("micro ready")) {console.log(s.body, g);break;} await new Promise(r=>setTimeout(r,1000)); }
console.log(await api.done('POST',`/vm_instances/v1/virtual_machines/${id}/disks`,{size:2,name:'data'}), Date.now()-t0);
console.log(await api.get(`/vm_instances/v1/virtual_machines/${id}/network_adapters`));
console.log(await api.done('POST',`/vm_instances/v1/virtual_machines/${id}/snapshots`,{name:'s1'}), Date.now()-t0);
const s=await api.call('GET',`/vm_instances/v1/virtual_machines/${id}/serial`); console.log(String(s.body).slice(-300));
console.log(await api.act('POST',`/vm_instances/v1/virtual_machines/${id}/stop`), Date.now()-t0);
console.log(await api.act('DELETE',`/vm_instances/v1/virtual_machines/${id}`), Date.now()-t0);
