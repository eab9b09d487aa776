import { mkdir, cp, rm, chmod, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { loadRecipe } from '../recipe.ts'
import { copyKernelModules } from './kernel-modules.ts'
import { kernelRelease, neededLibraries } from './debian-tree.ts'
import { writeInitramfs } from './cpio.ts'
import { makeGrub } from './grub.ts'
import { makeDisk } from './disk.ts'
import { run } from '../command.ts'
import { randomUUID } from 'node:crypto'
import { assembleInitramfs } from './initramfs.ts'
const tree='/tmp/im/tree', w='/tmp/im/w'
await rm(w,{recursive:true,force:true}); await mkdir(w+'/fs',{recursive:true})
const recipe = await loadRecipe('/work/main/images/recipes/micro.yaml')
console.time('asm')
await assembleInitramfs(recipe, tree, w+'/root')
await writeInitramfs(w+'/root', w+'/fs/initramfs')
const release = await kernelRelease(tree)
await cp(`${tree}/boot/vmlinuz-${release}`, w+'/fs/vmlinuz')
const grub = await makeGrub({tree, workFolder:w, modules:['biosdisk','part_msdos','ext2','linux'], config:`linux /vmlinuz ${recipe.boot.kernelCommandLine}\ninitrd /initramfs\nboot\n`})
await makeDisk({folder:w+'/fs', target:w+'/disk.raw', diskBytes: recipe.diskMib*1048576, fileSystem:{type:'ext2',label:'micro',uuid:randomUUID()}, grub})
await run('qemu-img',['convert','-O','qcow2',w+'/disk.raw',w+'/micro.qcow2'],{timeoutMs:60000})
console.timeEnd('asm')
