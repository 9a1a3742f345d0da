/* FreeRTOS on every machine of these tests. CONFIG_VARIANT turns on what moves the members of its
 * structures. */
#ifndef FREERTOS_CONFIG_H
#define FREERTOS_CONFIG_H

#define configUSE_PREEMPTION 1
#define configUSE_TIME_SLICING 1
#define configCPU_CLOCK_HZ 25000000
#define configTICK_RATE_HZ 1000
#define configTICK_TYPE_WIDTH_IN_BITS TICK_TYPE_WIDTH_32_BITS
#define configMAX_PRIORITIES 6
#define configMINIMAL_STACK_SIZE 160
#define configMAX_TASK_NAME_LEN 12
#define configTOTAL_HEAP_SIZE (12 * 1024)
#define configSUPPORT_DYNAMIC_ALLOCATION 1
#define configSUPPORT_STATIC_ALLOCATION 0
#define configUSE_IDLE_HOOK 0
#ifdef CRASH_IN_INTERRUPT
#define configUSE_TICK_HOOK 1
#else
#define configUSE_TICK_HOOK 0
#endif
#define configUSE_PORT_OPTIMISED_TASK_SELECTION 0
#ifdef KERNEL_FREERTOS_OBJECTS
#define configUSE_TIMERS 1
#define configTIMER_TASK_PRIORITY 5
#define configTIMER_QUEUE_LENGTH 4
#define configTIMER_TASK_STACK_DEPTH 160
#define configQUEUE_REGISTRY_SIZE 4
#define configUSE_COUNTING_SEMAPHORES 1
#else
#define configUSE_TIMERS 0
#endif
#define configCHECK_FOR_STACK_OVERFLOW 0
#define configPRIO_BITS 3
#define configKERNEL_INTERRUPT_PRIORITY (7 << 5)
#define configMAX_SYSCALL_INTERRUPT_PRIORITY (5 << 5)
#define configENABLE_FPU 1
#define configENABLE_MPU 0
#define configENABLE_TRUSTZONE 0
#define configRUN_FREERTOS_SECURE_ONLY 1
#define configMTIME_BASE_ADDRESS 0x0200bff8
#define configMTIMECMP_BASE_ADDRESS 0x02004000
#define configISR_STACK_SIZE_WORDS 200
#define INCLUDE_vTaskDelay 1
#define INCLUDE_vTaskDelete 1
#define INCLUDE_vTaskSuspend 1

#ifdef CONFIG_VARIANT
#define configUSE_LIST_DATA_INTEGRITY_CHECK_BYTES 1
#define configUSE_MUTEXES 1
#define configUSE_TRACE_FACILITY 1
#define configUSE_APPLICATION_TASK_TAG 1
#define configRECORD_STACK_HIGH_ADDRESS 1
#define configUSE_MINI_LIST_ITEM 0
#elif defined KERNEL_FREERTOS_OBJECTS
#define configUSE_MUTEXES 1
#else
#define configUSE_MUTEXES 0
#endif

#define vPortSVCHandler SVC_Handler
#define xPortPendSVHandler PendSV_Handler
#define xPortSysTickHandler SysTick_Handler
#define configCHECK_HANDLER_INSTALLATION 0

#endif
