/** Catalogue images in the shapes of the marketplace (notes §5, IMG-07). */
import type { MarketplaceItem, OpenIaasItemInfo, VmwareItemInfo } from '#contract/generated/tenant.ts';
import type { OfferedImage } from '../catalogue/snapshot.ts';

/** What the Terraform layer keeps; any other word hides the item from it. */
const itemType = 'Virtual Machine Image';
/** The smallest machine an official image is checked with. */
const minimum = { vcpus: 1, memoryBytes: 1024 ** 3 } as const;
const gibBytes = 1024 ** 3;

export type Target = 'open_iaas' | 'vmware';

/** The kinds of dedicated cluster that an image can run on. Whether a tenant has one is another question. */
const targetNames: Readonly<Record<Target, string>> = { open_iaas: 'OpenIaaS', vmware: 'VMware' };

export function presentItem({ image, version }: OfferedImage): MarketplaceItem {
  const details = (overview: string): MarketplaceItem['details'] => ({
    overview,
    howToUse: null,
    support: null,
    termsAndConditions: null,
  });
  return {
    id: image.id,
    name: image.name,
    editor: image.editor,
    icon: image.icon,
    description: image.descriptionFr,
    descriptionEn: image.descriptionEn,
    creationDate: image.createdAt.toISOString(),
    lastUpdate: version.releasedAt.toISOString(),
    categories: [...image.categories],
    type: itemType,
    version: image.osVersion,
    build: version.version,
    details: details(image.descriptionFr),
    detailsEn: details(image.descriptionEn),
    deploymentOptions: {
      targets: Object.entries(targetNames).map(([key, name]) => ({ key, name, skus: [], files: [version.path] })),
    },
  };
}

export function presentInfo(offered: OfferedImage, target: Target): OpenIaasItemInfo | VmwareItemInfo {
  return target === 'open_iaas' ? openIaasInfo(offered) : vmwareInfo(offered);
}

function openIaasInfo({ image, version }: OfferedImage): OpenIaasItemInfo {
  return {
    name: image.name,
    description: image.descriptionEn,
    cpu: { count: minimum.vcpus, coresPerSocket: 1 },
    memory: minimum.memoryBytes,
    operatingSystem: { name: `${image.osName} ${image.osVersion}`, distro: image.osName, version: image.osVersion },
    disks: [
      {
        name: image.name,
        virtualSize: Math.max(version.virtualSizeBytes, version.minDiskGib * gibBytes),
        physicalUtilisation: version.virtualSizeBytes,
        type: 'system',
      },
    ],
    networkAdapters: [{ name: 'VIF #0', networkName: 'Network 0', mtu: 1500 }],
    highAvailability: { enabled: true, restartPriority: 'restart' },
    pvDrivers: {
      detected: version.toolsVersion !== null,
      ...(version.toolsVersion === null ? {} : { version: version.toolsVersion }),
      upToDate: version.toolsVersion !== null,
    },
  };
}

function vmwareInfo({ image, version }: OfferedImage): VmwareItemInfo {
  const capacity = Math.max(version.virtualSizeBytes, version.minDiskGib * gibBytes);
  return {
    name: image.name,
    cpu: { count: minimum.vcpus, numCoresPerSocket: 1 },
    memory: minimum.memoryBytes,
    operatingSystem: { id: image.osFamily, name: `${image.osName} ${image.osVersion}` },
    networkAdapters: [{ name: 'Network adapter 1', networkName: 'Network 0', type: 'VMXNET3' }],
    controllers: [{ id: '1000', name: 'SCSI controller 0', type: 'SCSI', subType: 'ParaVirtual' }],
    disks: [{ name: 'Hard disk 1', capacity, controllerId: '1000', populatedSize: version.virtualSizeBytes }],
    extraConfig: [],
  };
}
