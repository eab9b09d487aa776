/** operationId → service, for activities and for the diagnostic tasks that are drawn from them. */
import type { Operations } from '#contract/generated/tenant.ts';
import { type Handlers, reply } from '#libs/contract-runtime/call.ts';
import { ApiError } from '#libs/contract-runtime/errors.ts';
import { type ActivityService, presentActivity } from './service.ts';
import type { TaskService } from './tasks.ts';

const waitSeconds = 30;

type Owned =
  | 'listActivities'
  | 'getActivity'
  | 'waitActivity'
  | 'listVmTasks'
  | 'getVmTask'
  | 'listVmTasksOfVirtualMachine';

export function activityHandlers(services: {
  activities: ActivityService;
  tasks: TaskService;
}): Pick<Handlers<Operations>, Owned> {
  const { activities, tasks } = services;
  return {
    listActivities: async ({ principal }) => reply.ok((await activities.list(principal)).map(presentActivity)),
    getActivity: async ({ principal, params }) => {
      const row = await activities.find(principal, params.activityId);
      if (row === null) throw new ApiError('not_found');
      return reply.ok(presentActivity(row));
    },
    waitActivity: async ({ principal, params, query, signal }) => {
      const timeoutMs = (query.timeoutSeconds ?? waitSeconds) * 1000;
      const row = await activities.wait(principal, params.activityId, { timeoutMs, signal });
      if (row === null) throw new ApiError('not_found');
      return reply.ok(presentActivity(row));
    },
    listVmTasks: async ({ principal, query }) => reply.ok(await tasks.list(principal, null, query.limit)),
    getVmTask: async ({ principal, params }) => reply.ok(await tasks.get(principal, params.taskId)),
    listVmTasksOfVirtualMachine: async ({ principal, params, query }) =>
      reply.ok(await tasks.list(principal, params.vmId, query.limit)),
  };
}
