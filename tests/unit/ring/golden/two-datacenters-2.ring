dkv-ring 2
cluster c0ffee0123456789
epoch 3
parent d5a2c1b09f8e7d6c
partitions 64
owners 4
numbers 9
node 1a28690da8a8d057 east2 number=2 address=db3.example.net port=7400 dc=east rack=b weight=100 state=up key=Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID
node 99ec5f36cb75f2b4 east1 number=1 address=10.0.0.1 port=7400 dc=east rack=a weight=100 state=up key=Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID
node b0cdabdae5668cc0 west2 number=7 address=fd00::3 port=7400 dc=west rack=b weight=100 state=up key=Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID
node b3f2af6d0fc710c5 west1 number=5 address=10.0.0.2 port=7400 dc=west rack=a weight=200 state=up key=Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID
keyspace 1 default n=east:2,west:2 conflict=versions r=local-quorum w=local-quorum ttl=0
keyspace 2 orders n=east:2,west:2 conflict=versions r=local-quorum w=each-quorum ttl=0
keyspace 7 sessions n=2 conflict=lww r=1 w=quorum ttl=86400
partition 0 east1 west1 east2 west2
partition 1 west1 east2 west2 east1
partition 2 east2 west1 east1 west2
partition 3 west1 east2 west2 east1
partition 4 east1 west1 east2 west2
partition 5 west1 east1 west2 east2
partition 6 east1 west1 east2 west2
partition 7 west1 east1 west2 east2
partition 8 east2 west1 east1 west2
partition 9 west2 east1 west1 east2
partition 10 east1 west2 east2 west1
partition 11 west2 east2 west1 east1
partition 12 east2 west1 east1 west2
partition 13 west2 east2 west1 east1
partition 14 east2 west2 east1 west1
partition 15 west2 east1 west1 east2
partition 16 east2 west2 east1 west1
partition 17 west2 east1 west1 east2
partition 18 east1 west1 east2 west2
partition 19 west1 east2 west2 east1
partition 20 east2 west2 east1 west1
partition 21 west1 east1 west2 east2
partition 22 east1 west2 east2 west1
partition 23 west1 east2 west2 east1
partition 24 east1 west1 east2 west2
partition 25 west1 east1 west2 east2
partition 26 east1 west2 east2 west1
partition 27 west2 east2 west1 east1
partition 28 east1 west1 east2 west2
partition 29 west2 east2 west1 east1
partition 30 east1 west2 east2 west1
partition 31 west2 east1 west1 east2
partition 32 east2 west1 east1 west2
partition 33 west1 east1 west2 east2
partition 34 east1 west2 east2 west1
partition 35 west1 east2 west2 east1
partition 36 east1 west2 east2 west1
partition 37 west1 east2 west2 east1
partition 38 east1 west2 east2 west1
partition 39 west1 east2 west2 east1
partition 40 east1 west1 east2 west2
partition 41 west2 east2 west1 east1
partition 42 east2 west1 east1 west2
partition 43 west2 east1 west1 east2
partition 44 east1 west1 east2 west2
partition 45 west2 east1 west1 east2
partition 46 east2 west2 east1 west1
partition 47 west2 east2 west1 east1
partition 48 east2 west2 east1 west1
partition 49 west2 east2 west1 east1
partition 50 east2 west2 east1 west1
partition 51 west2 east1 west1 east2
partition 52 east2 west1 east1 west2
partition 53 west1 east2 west2 east1
partition 54 east2 west1 east1 west2
partition 55 west2 east1 west1 east2
partition 56 east1 west1 east2 west2
partition 57 west2 east2 west1 east1
partition 58 east1 west1 east2 west2
partition 59 west2 east2 west1 east1
partition 60 east1 west1 east2 west2
partition 61 west2 east2 west1 east1
partition 62 east2 west1 east1 west2
partition 63 west2 east1 west1 east2
hash 79040c297578db41
