/* For the end of the kernel's tasks.c, where its lists and control blocks are no secret: see
 * coroner_freertos_kernel.h. Written for FreeRTOS-Kernel V11.2, one core. */
#include <stddef.h>

#include "coroner_freertos_kernel.h"

#if !defined(configRECORD_STACK_HIGH_ADDRESS) || configRECORD_STACK_HIGH_ADDRESS != 1
#error "coroner-capture needs configRECORD_STACK_HIGH_ADDRESS 1: where a stack ends is not known otherwise"
#endif
#if defined(configNUMBER_OF_CORES) && configNUMBER_OF_CORES > 1
#error "coroner-capture knows FreeRTOS on one core only"
#endif

const coroner_freertos_lists coroner_freertos_kernel = {
    .current = (const void *)&pxCurrentTCB,
    .ready = pxReadyTasksLists,
    .delayed = { &xDelayedTaskList1, &xDelayedTaskList2 },
#if INCLUDE_vTaskSuspend == 1
    .suspended = &xSuspendedTaskList,
#endif
#if INCLUDE_vTaskDelete == 1
    .deleted = &xTasksWaitingTermination,
#endif
    .priorities = configMAX_PRIORITIES,
    .list_len = sizeof(List_t),
    .list_end = offsetof(List_t, xListEnd),
    .item_next = offsetof(ListItem_t, pxNext),
    .item_owner = offsetof(ListItem_t, pvOwner),
    .item_container = offsetof(ListItem_t, pxContainer),
    .tcb_len = sizeof(TCB_t),
    .tcb_event = offsetof(TCB_t, xEventListItem),
    .tcb_priority = offsetof(TCB_t, uxPriority),
    .tcb_stack = offsetof(TCB_t, pxStack),
    .tcb_stack_end = offsetof(TCB_t, pxEndOfStack),
    .tcb_name = offsetof(TCB_t, pcTaskName),
    .name_len = configMAX_TASK_NAME_LEN,
};
