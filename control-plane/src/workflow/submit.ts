/** How a capability hands its work to the engine once its transaction has committed. */
export interface Submit {
  /** Starts the operation of a fresh resource. */
  begin(activityId: string): void;
  /** Starts the next operation of a resource when its turn has come. */
  next(resourceId: string): void;
}
