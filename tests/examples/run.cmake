# cmake -DSTATUS=<number> -DEXPECT=<regex> -P run.cmake -- PROGRAM ARGUMENT...
# The program must end with this exit status and print, on standard output (standard error when it fails), what EXPECT
# matches.
set(command)
foreach(i RANGE ${CMAKE_ARGC})
  if(after_dashes AND i LESS CMAKE_ARGC)
    list(APPEND command "${CMAKE_ARGV${i}}")
  elseif("${CMAKE_ARGV${i}}" STREQUAL "--")
    set(after_dashes TRUE)
  endif()
endforeach()

execute_process(COMMAND ${command} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE errors)
message(STATUS "exit status ${result}\n${output}${errors}")
if(STATUS EQUAL 0)
  set(text "${output}")
else()
  set(text "${errors}")
endif()
if(NOT result STREQUAL STATUS OR NOT text MATCHES "${EXPECT}")
  message(FATAL_ERROR "expected exit status ${STATUS} and a match of\n${EXPECT}")
endif()
