import { hostDriverContract } from '../driver-contract.ts';
import { QemuHost } from './qemu-host.ts';
import { adapterSpec, skipReason, specWith, TestHost } from './testing/test-host.ts';

hostDriverContract(
  'QEMU',
  async () => {
    const test = new TestHost();
    const driver = await QemuHost.open(test.config, test.log);
    return {
      driver,
      spec: async () => specWith([await test.bootDisk('contract\r\n', 'halt')]),
      disk: async (position) => await test.dataDisk(position),
      adapter: adapterSpec,
      end: async () => {
        for (const { id } of await driver.list()) await driver.delete(id);
        await driver.close();
        await test.end();
      },
    };
  },
  skipReason,
);
